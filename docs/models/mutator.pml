/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mutators, for the models of the collector.
 *
 * Each does up to OPS operations of those in DOES, in any order and on anything
 * that it may use: it has references (HELD), HOLD at most, and there may be ROOTS.
 * It changes a slot only of an object that it holds until the operation is over.
 * OPS 255 is no limit.
 */
#define GET		1
#define PUT		2
#define STORE		4
#define MOVE		8	/* of a reference that is held, or NULL: clear */
#define SWAP		16	/* for a reference that is held, or NULL: take */
#define LOAD		32
#define NEW		64
#define UPGRADE		128
#define TRYGET		256	/* with an RCU pointer: no block is used again meanwhile */
#define GROW		512

#if OPS == 255
#define SPEND		skip
#else
#define SPEND		left--
#endif

/*
 * Mutators begin with the collector: before it has read a word there is nothing
 * to tell what they did from the beginning, which may be anything.  They begin
 * nothing more when it has nothing more to do beside them.
 */
bit begun;
bit ended;
byte done;	/* mutators at rest */

#define MAY_START	(left && begun && !ended)
#define ROOM(m)		(TOTAL(m) < HOLD)
#define HANDLE		255	/* as a holder: a weak handle, or an RCU pointer */
#define POINTER		254
#define IS_SLOT(x)	((x) < POINTER)
#define TXN		(number * 8 + state)

#ifdef BROKEN_TRYGET_IGNORES_FROZEN
#define LOOK_AT		0
#else
#define LOOK_AT		(FROZEN | DEAD)
#endif

/*
 * With KEPT, for one mutator, a slot may also be changed in what a held object
 * refers to: that keeps it alive, too.
 */
#ifdef KEPT
#define REFERS(x, y)	(SLOT(x, 0) == y || SLOT(x, L - 1) == y)
#define KEEPS(m, x)	(HELD(m, x) || (HELD(m, 1) && REFERS(1, x)) || \
			 (HELD(m, 2) && REFERS(2, x)))
#define MAY_GIVE(m, x)	(!(x) || HELD(m, x))
#else
#define KEEPS(m, x)	HELD(m, x)
#define MAY_GIVE(m, x)	true
#endif

/* An operation on the elements of a vector has the vector's lock. */
#if ARRAYS > 1
#define MAY_CHANGE(m, x)	(KEEPS(m, x) && !locked[x])
#define LOCK(x)			locked[x] = 1
#define UNLOCK(x)		locked[x] = 0
#define IS_ARRAY(x)		(ARRAY(x) == a)
#else
#define MAY_CHANGE(m, x)	KEEPS(m, x)
#define LOCK(x)			skip
#define UNLOCK(x)		skip
#define IS_ARRAY(x)		true
#endif

/* ---- what an operation is done to ---- */

#if N == 1
#define ANY(test)	(test(1))
#define PICK(test, o)	if :: test(1) -> o = 1 fi
#elif N == 2
#define ANY(test)	(test(1) || test(2))
#define PICK(test, o)	if :: test(1) -> o = 1 :: test(2) -> o = 2 fi
#else
#define ANY(test)	(test(1) || test(2) || test(3))
#define PICK(test, o)	\
	if :: test(1) -> o = 1 :: test(2) -> o = 2 :: test(3) -> o = 3 fi
#endif

#define MINE_IS(o)	HELD(m, o)
#define HOLDER_IS(o)	MAY_CHANGE(m, o)
#define READER_IS(o)	KEEPS(m, o)
#define SPARE_IS(o)	(HELD(m, o) > (x == o) && MAY_GIVE(m, x))	/* x stays held */
#define FREE_IS(o)	(!busy[o])
#define LIVE_IS(o)	alive[o]
#define ANY_IS(o)	true

#if ROOTS
#define ROOT_OPTION(x)	:: true -> x = ROOT
#else
#define ROOT_OPTION(x)
#endif
#if L > 1
#define MORE_SLOTS(x, i) :: x != ROOT || ROOTS > 1 -> i = 1
#else
#define MORE_SLOTS(x, i)
#endif

#define ANY_SLOT(test)	(ROOTS || ANY(test))
#define PICK_SLOT(test, x, i)	\
	if ROOT_OPTION(x) :: ANY(test) -> PICK(test, x) fi;	\
	if :: i = 0 MORE_SLOTS(x, i) fi

inline pick_spare(m, x, y)
{
	if
	:: y = 0
	:: ANY(SPARE_IS) -> PICK(SPARE_IS, y)
	fi
}

/* ---- steps ---- */

/* @y, which was the mutator's, for what is in the slot. */
inline exchange(m, x, i, y)
{
	if
	:: y -> HELD(m, y)--
	:: else
	fi;
	flight[m] = SLOT(x, i);
	SLOT(x, i) = y
}

inline make(o)
{
	assert(count[o] == 0 && !alive[o] && !IS_HELD(o));
	busy[o] = 1;
	alive[o] = 1;
	flags[o] = FRESH;
	count[o] = 1;
	NEW_STEP(o);
#ifdef FINALIZERS
	finalized[o] = 0
#endif
}

#if ARRAYS > 1
/*
 * What an array has when it is published: all changes are made under the lock.
 * The one before stays as it was.
 */
inline copy(x, i)
{
	d_step {
		i = 0;
		do
		:: i < L ->
			slot[x * S + L + i] = slot[x * S + i];
			i++
		:: else -> break
		od
	}
}
#endif

/* A mutator uses all that it holds: it has to be the object that it was. */
#define IS_THERE(o)	(!HELD(m, o) || alive[o])

inline use(m)
{
	assert(IS_THERE(1));
#if N > 1
	assert(IS_THERE(2));
#endif
#if N > 2
	assert(IS_THERE(3))
#endif
}

/* ---- the process ---- */

/*
 * A step that others may come before is an option of an "if", also where it is
 * the only one: a jump there ends the atomic it comes from.  Jumps to out and
 * refused do not; these are part of the step.
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
#if (DOES) & GET
	:: atomic { MAY_START && TOTAL(m) && ROOM(m) ->
			SPEND;
			PICK(MINE_IS, o);
			get(o);
			HELD(m, o)++;
			goto out
		}
#endif
#if (DOES) & PUT
	:: atomic { MAY_START && TOTAL(m) ->
			SPEND;
			PICK(MINE_IS, o);
			HELD(m, o)--;
			put(o);
			goto out
		}
#endif
#if (DOES) & NEW
	:: atomic { MAY_START && ROOM(m) && ANY(FREE_IS) ->
			SPEND;
			PICK(FREE_IS, o);
			make(o);
			HELD(m, o)++;
			goto out
		}
#endif
#if (DOES) & STORE
	:: atomic { MAY_START && ANY_SLOT(HOLDER_IS) && TOTAL(m) ->
			SPEND;
			PICK_SLOT(HOLDER_IS, x, i);
			PICK(MINE_IS, y);
			LOCK(x);
			get(y);
			HELD(m, y)++;
			goto store
		}
#endif
#if (DOES) & MOVE
	:: atomic { MAY_START && ANY_SLOT(HOLDER_IS) ->
			SPEND;
			PICK_SLOT(HOLDER_IS, x, i);
			pick_spare(m, x, y);
			exchange(m, x, i, y);
			if
			:: flight[m] -> goto drop
			:: else -> goto out
			fi
		}
#endif
#if (DOES) & SWAP
	:: atomic { MAY_START && ANY_SLOT(HOLDER_IS) ->
			SPEND;
			PICK_SLOT(HOLDER_IS, x, i);
			pick_spare(m, x, y);
			if
			:: y || ROOM(m)
			:: else -> goto out
			fi;
			LOCK(x);
#ifdef BROKEN_TAKE_BUMP_FIRST
			if
			:: SLOT(x, i) -> STEP(SLOT(x, i))
			:: else
			fi;
			goto swap
		}
#else
			exchange(m, x, i, y);
			if
			:: flight[m] -> goto keep
			:: else -> UNLOCK(x); goto out
			fi
		}
#endif
#endif
#if (DOES) & LOAD
	:: atomic { MAY_START && ANY_SLOT(READER_IS) && ROOM(m) ->
			SPEND;
			PICK_SLOT(READER_IS, x, i);
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
#endif
#if (DOES) & UPGRADE
	:: atomic { MAY_START && ROOM(m) ->
			SPEND;
			PICK(ANY_IS, o);
			x = HANDLE;
			if
			:: gone[o] -> denied[o] = 1; goto out
			:: else -> goto tryget
			fi
		}
#endif
#if (DOES) & TRYGET
	:: atomic { MAY_START && ROOM(m) && ANY(LIVE_IS) ->
			SPEND;
			PICK(LIVE_IS, o);
			x = POINTER;
			goto tryget
		}
#endif
#if (DOES) & GROW
	:: atomic { MAY_START && ANY_SLOT(HOLDER_IS) ->
			SPEND;
			PICK_SLOT(HOLDER_IS, x, i);
			if
			:: grown[x] -> goto out
			:: else
			fi;
			i = 0;
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
#if (DOES) & STORE
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
#endif
#ifdef BROKEN_TAKE_BUMP_FIRST
swap:
	if
	:: atomic { true ->
			exchange(m, x, i, y);
			if
			:: flight[m] -> goto keep
			:: else -> UNLOCK(x); goto out
			fi
		}
	fi;
#endif
drop:
	if
	:: atomic { true ->
			put(flight[m]);
			flight[m] = 0;
			goto out
		}
	fi;
#if (DOES) & SWAP
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
#endif
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
#if (DOES) & (LOAD | UPGRADE | TRYGET)
tryget:
	if
	:: atomic { true ->
			w = flags[o];
			if
			:: count[o]
			:: !count[o] && (w & FINALIZE) ->
				flags[o] = w | CLAIM
			:: else -> goto refused
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
	:: atomic { true -> w = flags[o] & LOOK_AT; goto judge }
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
			:: !w -> t = 0; goto verify
			:: else
			fi;
			w = 0;
			if
			:: t % 8 == UNDECIDED -> goto abort
			:: t % 8 == COMMITTED -> goto undo
			:: else ->
				assert(t % 8 == ABORTED || t % 8 == FINALIZING);
				t = 0;
				goto verify
			fi
		}
	fi;
abort:
	if
	:: atomic { true ->
			if
			:: t == TXN -> t = 0; state = ABORTED; goto verify
			:: else -> t = 0; goto decide
			fi
		}
	fi;
verify:
	/* The generation again, or the slot and the array; an RCU pointer has neither. */
	if
	:: atomic { true ->
			if
#if (DOES) & UPGRADE
			:: x == HANDLE && !gone[o] ->
				assert(alive[o] && !denied[o]);
				HELD(m, o)++;
				goto out
#endif
#if (DOES) & TRYGET
			:: x == POINTER ->
				assert(alive[o] && !denied[o]);
				HELD(m, o)++;
				goto out
#endif
			:: IS_SLOT(x) && IS_ARRAY(x) && SLOT(x, i) == o ->
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
#endif

	atomic {
		false;	/* only jumps lead to what follows */
#if (DOES) & (LOAD | UPGRADE | TRYGET)
refused:
		if
#ifdef WEAK
		:: !IS_SLOT(x) -> denied[o] = 1
#endif
		/* What dies has left the slots before. */
		:: IS_SLOT(x) -> assert(SLOT(x, i) != o || alive[o])
		fi;
#endif
out:
		x = 0;
		i = 0;
		y = 0;
		o = 0;
		t = 0;
		w = 0;
#if ARRAYS > 1
		a = 0;
#endif
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
