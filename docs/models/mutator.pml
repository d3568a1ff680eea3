/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mutators, for the models of the collector.
 *
 * One does up to OPS operations of those in DOES, in any order and on anything
 * that it may use: it has references (HELD), at most HOLD at a time, and there
 * may be ROOTS slots that lie in no object.  It changes a slot only of an object
 * that it holds until the operation is over.  With OPS 255 it never has to end.
 */
#define GET		1
#define PUT		2
#define STORE		4
#define MOVE		8
#define SWAP		16	/* with NULL: take */
#define LOAD		32
#define NEW		64
#define UPGRADE		128
#define GROW		256

/*
 * Mutators begin with the collector: a transaction alone changes nothing for
 * them.  They begin nothing when it has no more to do beside them.
 */
#define MAY(op)		(((DOES) & (op)) && left && begun && !ended)
#if OPS == 255
#define SPEND		skip
#else
#define SPEND		left--
#endif
#define ROOM(m)		(TOTAL(m) < HOLD)
#define TXN		(number * 8 + state)
#define HANDLE		255	/* as a holder: a weak handle */
#if ARRAYS > 1
#define IS_CURRENT(x)	(ARRAY(x) == a)
#else
#define IS_CURRENT(x)	true
#endif

/* An operation on elements of a vector has the vector's lock. */
#if ARRAYS > 1
#define MAY_CHANGE(m, x)	(HELD(m, x) && !locked[x])
#define LOCK(x)			locked[x] = 1
#define UNLOCK(x)		locked[x] = 0
#else
#define MAY_CHANGE(m, x)	HELD(m, x)
#define LOCK(x)			skip
#define UNLOCK(x)		skip
#endif

#ifdef BROKEN_TRYGET_IGNORES_FROZEN
#define LOOK_AT		0
#else
#define LOOK_AT		(FROZEN | DEAD)
#endif

byte done;	/* processes that are */
bit begun;	/* the collector is at work */
bit ended;

/* ---- what an operation is done to ---- */

inline pick_held(m, o)
{
	if
	:: HELD(m, 1) -> o = 1
#if N > 1
	:: HELD(m, 2) -> o = 2
#endif
#if N > 2
	:: HELD(m, 3) -> o = 3
#endif
	fi
}

#if N == 1
#define HAS_HOLDER(m)	(ROOTS || MAY_CHANGE(m, 1))
#elif N == 2
#define HAS_HOLDER(m)	(ROOTS || MAY_CHANGE(m, 1) || MAY_CHANGE(m, 2))
#else
#define HAS_HOLDER(m)	\
	(ROOTS || MAY_CHANGE(m, 1) || MAY_CHANGE(m, 2) || MAY_CHANGE(m, 3))
#endif

inline pick_slot(m, x, i)
{
	if
#if ROOTS
	:: x = ROOT
#endif
	:: MAY_CHANGE(m, 1) -> x = 1
#if N > 1
	:: MAY_CHANGE(m, 2) -> x = 2
#endif
#if N > 2
	:: MAY_CHANGE(m, 3) -> x = 3
#endif
	fi;
	if
	:: i = 0
#if L > 1
	:: x != ROOT || ROOTS > 1 -> i = 1
#endif
	fi
}

/* A reference that the holder @x does not need to be held; or NULL. */
inline pick_spare(m, x, y)
{
	if
	:: y = 0
	:: HELD(m, 1) > (x == 1) -> y = 1
#if N > 1
	:: HELD(m, 2) > (x == 2) -> y = 2
#endif
#if N > 2
	:: HELD(m, 3) > (x == 3) -> y = 3
#endif
	fi
}

inline pick_any(o)
{
	if
	:: o = 1
#if N > 1
	:: o = 2
#endif
#if N > 2
	:: o = 3
#endif
	fi
}

#define FREE(o)		(!busy[o])
#if N == 1
#define ANY_FREE	FREE(1)
#elif N == 2
#define ANY_FREE	(FREE(1) || FREE(2))
#else
#define ANY_FREE	(FREE(1) || FREE(2) || FREE(3))
#endif

inline pick_free(o)
{
	if
	:: FREE(1) -> o = 1
#if N > 1
	:: FREE(2) -> o = 2
#endif
#if N > 2
	:: FREE(3) -> o = 3
#endif
	fi
}

/* ---- steps ---- */

inline exchange(m, x, i, y)
{
	flight[m] = SLOT(x, i);
	SLOT(x, i) = y
}

inline make(o)
{
	assert(count[o] == 0 && !alive[o]);
	busy[o] = 1;
	alive[o] = 1;
	flags[o] = FRESH;
	count[o] = 1;
	NEW_STEP(o);
#ifdef FINALIZERS
	finalized[o] = 0
#endif
}

inline give(m, y)
{
	if
	:: y -> HELD(m, y)--
	:: else
	fi
}

/* What a mutator holds is there: its canary sings. */
inline use(m)
{
	assert(!HELD(m, 1) || alive[1]);
#if N > 1
	assert(!HELD(m, 2) || alive[2]);
#endif
#if N > 2
	assert(!HELD(m, 3) || alive[3]);
#endif
}

#if ARRAYS > 1
/*
 * What an array has when it is published: all changes are made under the lock.
 * The one before it stays as it was.
 */
inline copy(x, i)
{
	do
	:: i < L ->
		slot[x * S + L + i] = slot[x * S + i];
		i++
	:: else -> break
	od
}
#endif

/* ---- the process ---- */

/*
 * A step that others may come before is an option of an "if": a jump to one ends
 * the atomic that it comes from.  Jumps to out: are part of the step.
 */
proctype mutator(byte m)
{
	byte x, i, y, o, t, w, doomed, claims, left = OPS;
#if ARRAYS > 1
	byte a;
#endif
#ifdef FINALIZERS
	bit mine;
#endif

again:
	if
	:: atomic { MAY(GET) && TOTAL(m) && ROOM(m) ->
			SPEND;
			pick_held(m, o);
			get(o);
			HELD(m, o)++;
			goto out
		}
	:: atomic { MAY(PUT) && TOTAL(m) ->
			SPEND;
			pick_held(m, o);
			HELD(m, o)--;
			put(o);
			goto out
		}
	:: atomic { MAY(NEW) && ROOM(m) && ANY_FREE ->
			SPEND;
			pick_free(o);
			make(o);
			HELD(m, o)++;
			goto out
		}
	:: atomic { MAY(STORE) && HAS_HOLDER(m) && TOTAL(m) ->
			SPEND;
			pick_slot(m, x, i);
			pick_held(m, y);
			LOCK(x);
			get(y);
			goto store
		}
	:: atomic { MAY(MOVE) && HAS_HOLDER(m) ->
			SPEND;
			pick_slot(m, x, i);
			pick_spare(m, x, y);
			give(m, y);
			exchange(m, x, i, y);
			if
			:: flight[m] -> goto drop
			:: else -> goto out
			fi
		}
	:: atomic { MAY(SWAP) && HAS_HOLDER(m) ->
			SPEND;
			pick_slot(m, x, i);
			pick_spare(m, x, y);
			if
			:: !y && !ROOM(m) -> goto out
			:: else
			fi;
			LOCK(x);
#ifdef BROKEN_TAKE_BUMP_FIRST
			o = SLOT(x, i);
			if
			:: o -> STEP(o)
			:: else
			fi;
			goto swap
		}
#else
			give(m, y);
			exchange(m, x, i, y);
			if
			:: flight[m] -> goto keep
			:: else -> UNLOCK(x); goto out
			fi
		}
#endif
	:: atomic { MAY(LOAD) && HAS_HOLDER(m) && ROOM(m) ->
			SPEND;
			pick_slot(m, x, i);
#if ARRAYS > 1
			a = ARRAY(x);
			goto look
#else
			o = SLOT(x, i);
			if
			:: o -> goto tryget
			:: else -> goto out
			fi
#endif
		}
#ifdef WEAK
	:: atomic { MAY(UPGRADE) && ROOM(m) ->
			SPEND;
			pick_any(o);
			x = HANDLE;
			if
			:: !gone[o] -> goto tryget
			:: else -> denied[o] = 1; goto out
			fi
		}
#endif
#if ARRAYS > 1
	:: atomic { MAY(GROW) && HAS_HOLDER(m) ->
			SPEND;
			pick_slot(m, x, i);
			i = 0;
			if
			:: grown[x] -> goto out
			:: else
			fi;
#ifdef BROKEN_VECTOR_BUMP_SELF
			LOCK(x);
			goto grow_take
#else
			copy(x, i);
			grown[x] = 1;
			goto out
#endif
		}
#endif
	:: ended -> goto stop
	fi;

	/* ---- a slot is changed ---- */
store:
	if
	:: atomic { true ->
			exchange(m, x, i, y);
			UNLOCK(x);
			if
			:: flight[m] -> goto drop
			:: else -> goto out
			fi
		}
	fi;
drop:
	if
	:: atomic { true ->
			put(flight[m]);
			flight[m] = 0;
			goto out
		}
	fi;
#ifdef BROKEN_TAKE_BUMP_FIRST
swap:
	if
	:: atomic { true ->
			give(m, y);
			exchange(m, x, i, y);
			if
			:: flight[m] -> goto keep
			:: else -> UNLOCK(x); goto out
			fi
		}
	fi;
#endif
keep:
	if
	:: atomic { true ->
			TAKE_STEP(flight[m]);
			HELD(m, flight[m])++;
			flight[m] = 0;
			UNLOCK(x);
			goto out
		}
	fi;

#ifdef BROKEN_VECTOR_BUMP_SELF
	/* Each element is taken out of one array, then set in the other. */
grow_take:
	if
	:: atomic { true ->
			flight[m] = slot[x * S + i];
			slot[x * S + i] = 0;
			goto grow_set
		}
	fi;
grow_set:
	if
	:: atomic { true ->
			slot[x * S + L + i] = flight[m];
			flight[m] = 0;
			i++;
			if
			:: i < L -> goto grow_take
			:: else -> grown[x] = 1; goto grow_bump
			fi
		}
	fi;
grow_bump:
	if
	:: atomic { true -> STEP(x); UNLOCK(x); goto out }
	fi;
#endif

	/* ---- a reference by way of a pointer that nobody vouches for ---- */
#if ARRAYS > 1
look:
	if
	:: atomic { true ->
			o = slot[x * S + a + i];
			if
			:: o -> goto tryget
			:: else -> goto out
			fi
		}
	fi;
#endif
tryget:
	if
	:: atomic { true ->
			w = flags[o];
			if
			:: !count[o] && (w & (FINALIZE | DEAD)) != FINALIZE ->
				goto refused
			:: !count[o] && (w & (FINALIZE | DEAD)) == FINALIZE ->
				flags[o] = w | CLAIM
			:: else
			fi;
			count[o]++;
			GET_STEP(o);
			if
			:: w & LOOK_AT -> w = 0; goto decide
			:: else -> w = 0; goto verify
			fi
		}
	fi;
decide:
	if
	:: atomic { true -> t = TXN; goto word }
	fi;
word:
	if
	:: atomic { true -> w = flags[o] & (FROZEN | DEAD); goto judge }
	fi;
judge:
	if
	:: atomic { true ->
			if
			:: t != TXN -> t = 0; w = 0; goto decide
			:: else
			fi;
			if
			:: w & DEAD -> goto undo
			:: !w -> goto verify
			:: else
			fi;
			w = 0;
			assert(t % 8 != IDLE);
			if
			:: t % 8 == UNDECIDED -> goto abort
			:: t % 8 == COMMITTED -> goto undo
			:: else -> goto verify
			fi
		}
	fi;
abort:
	if
	:: atomic { true ->
			if
			:: t == TXN -> state = ABORTED; goto verify
			:: else -> t = 0; goto decide
			fi
		}
	fi;
verify:
	if
	:: atomic { true ->
			if
#ifdef WEAK
			:: x == HANDLE && !gone[o] ->
				assert(alive[o] && !denied[o]);
				HELD(m, o)++;
				goto out
#endif
			:: x != HANDLE && IS_CURRENT(x) && SLOT(x, i) == o ->
				assert(alive[o]);
				HELD(m, o)++;
				goto out
			:: else -> goto undo
			fi
		}
	fi;
undo:
	if
	:: atomic { true ->
			put(o);
			goto refused
		}
	fi;

	atomic {
		false;	/* only jumps lead to here */
refused:
#ifdef WEAK
		if
		:: x == HANDLE -> denied[o] = 1
		:: else
		fi;
#endif
		/* What dies has left the slots before. */
		assert(x == HANDLE || SLOT(x, i) != o || alive[o]);
out:
		x = 0;
		i = 0;
		y = 0;
		o = 0;
		t = 0;
		w = 0;
		use(m);
		if
		:: doomed || claims -> goto burial
		:: else -> goto again
		fi
	}
burial:
	bury(m);
	goto again;
stop:
	done++
}
