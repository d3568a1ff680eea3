/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The collector's P2, for the models: transactions on any set of objects.
 *
 * P1 only proposes, so the set is all blocks, or with SUBSET any of them.  After
 * TXNS transactions beside the mutators, and when these are at rest, a last scan
 * has to leave nothing but what can be reached.
 */
#define ALL	(BIT(N + 1) - BIT(1))

#if defined(BROKEN_VECTOR_BOTH) || defined(BROKEN_VECTOR_BUMP_SELF)
#define BOTH_ARRAYS
#endif

/* What a transaction notes.  Of objects, as bits: */
byte in;		/* members that have not been dropped */
byte frozen;
byte late;		/* killed, with a reference that is to be put at the end */
byte candidates;	/* of the next transaction */
bit finalizing;

byte w0_count[N + 1];	/* after the freeze: what the word has to be */
byte w0_flags[N + 1];
byte edge[(N + 1) * S];	/* a member, or 0 */

#define UNCHANGED(o)	(count[o] == w0_count[o] && flags[o] == w0_flags[o] && \
			 version[o] == NOTED(o))

#if ARRAYS > 1
#define BEHIND	behind
#else
#define BEHIND	L
#endif

#define IS_IN(o)	(in & BIT(o))

/* Goes to the next of @mask that is not below @o, or to N + 1. */
inline next_of(mask, o)
{
	do
	:: o <= N && !((mask) & BIT(o)) -> o++
	:: else -> break
	od
}

/* ---- what is checked ---- */

hidden byte cx, ci;

/*
 * Nothing outside of the members refers to one of them: no slot of another
 * object, no root, nobody's reference.
 */
inline check_closed()
{
	d_step {
		cx = 0;
		do
		:: cx <= N ->
			ci = 0;
			do
			:: ci < L && !IS_IN(cx) ->
				assert(!IS_IN(SLOT(cx, ci)));
				ci++
			:: else -> break
			od;
			cx++
		:: else -> break
		od;
		cx = 1;
		do
		:: cx <= N ->
			ci = 0;
			do
			:: ci < M ->
				assert(!IS_IN(cx) || !HELD(ci, cx));
				ci++
			:: else -> break
			od;
			cx++
		:: else -> break
		od;
		ci = 0;
		do
		:: ci <= M ->
			assert(!IS_IN(flight[ci]));
			ci++
		:: else -> break
		od;
		cx = 0;
		ci = 0
	}
}

/* ---- local computations ---- */

inline count_edges(o, n)
{
	n = 0;
	ci = 0;
	do
	:: ci < (N + 1) * S -> n = n + (edge[ci] == o); ci++
	:: else -> break
	od;
	ci = 0
}

#ifdef BROKEN_CLOSURE_REREAD
#define FOUND(x, i)	BIT(slot[(x) * S + (i)])
#else
#define FOUND(x, i)	BIT(edge[(x) * S + (i)])
#endif

/* Adds to @mask all that edges lead to from there. */
inline add_reached(mask)
{
	cx = 1;
	do
	:: cx <= N * N ->
		ci = 0;
		do
		:: ci < S && (mask & BIT(1 + cx % N)) ->
			mask = mask | (FOUND(1 + cx % N, ci) & ~1);
			ci++
		:: else -> break
		od;
		cx++
	:: else -> break
	od;
	cx = 0;
	ci = 0
}

inline forget()
{
	cx = 0;
	do
	:: cx <= N ->
		w0_count[cx] = 0;
		w0_flags[cx] = 0;
		if
		:: cx -> STEP(cx)
		:: else
		fi;
		ci = 0;
		do
		:: ci < S -> edge[cx * S + ci] = 0; ci++
		:: else -> break
		od;
		cx++
	:: else -> break
	od;
	cx = 0;
	ci = 0;
	in = 0;
	frozen = 0;
	late = 0;
	finalizing = 0
}

/* ---- P2 ---- */

bit found;	/* something was finalized, or died */

#ifdef SUBSET
#define MAY_LEAVE_OUT	(!ended)	/* not in the last scan */
#else
#define MAY_LEAVE_OUT	false
#endif

#ifdef BROKEN_NO_NUMBER
#define NEXT_NUMBER	skip
#else
#define NEXT_NUMBER	number++
#endif

#ifdef BROKEN_FINALIZE_LATE_REF
#define REF_EARLY	false
#define REF_LATE	true
#else
#define REF_EARLY	finalizing
#define REF_LATE	false
#endif

#ifdef BROKEN_NO_DEAD
#define KILLED		0
#else
#define KILLED		DEAD
#endif

#ifdef BROKEN_COUNT_COMPARE
#define SAME(o)		(n && count[o] == n && version[o] == NOTED(o))
#else
#define SAME(o)		(w0_count[o] == n && UNCHANGED(o))
#endif

/* The word, as it is now, is what it has to be from now on. */
inline note(o)
{
	w0_count[o] = count[o];
	w0_flags[o] = flags[o];
	NOTE(o)
}

/* Unfreezes those of @mask, and notes in n whose words are not as they were. */
inline thaw(mask, puts)
{
	do
	:: atomic { frozen & (mask) ->
			first_of(frozen & (mask), o);
			frozen = frozen & ~BIT(o);
			if
			:: !UNCHANGED(o) -> n = n | BIT(o)
			:: else
			fi;
			flags[o] = flags[o] & ~FROZEN
		}
		if
		:: atomic { puts -> put(o); o = 0 }
		:: atomic { !(puts) -> o = 0 }
		fi
	:: else -> break
	od
}

/* The moment that it is decided. */
inline all_die()
{
	cx = 1;
	do
	:: cx <= N ->
		if
		:: IS_IN(cx) -> alive[cx] = 0
		:: else
		fi;
		cx++
	:: else -> break
	od;
	cx = 0
}

/* COMMITTED. */
inline kill()
{
	/* A tryget that fails has, or had, its reference: then ours stays. */
	o = 1;
	next_of(in, o);
	do
	:: atomic { o <= N ->
			if
			:: UNCHANGED(o) -> count[o] = 0
			:: else ->
				assert(count[o] >= w0_count[o]);
				count[o] = count[o] - (w0_count[o] - 1);
				late = late | BIT(o)
			fi;
			flags[o] = (flags[o] & ~FROZEN) | KILLED;
			o++;
			next_of(in, o)
		}
	:: else -> break
	od;
	atomic { state = IDLE; o = 1; next_of(in, o) };
#ifdef BROKEN_FINALIZE_AFTER_DEAD
	do
	:: atomic { o <= N -> flags[o] = flags[o] & ~FINALIZE }
		finalizer(o, COLLECTOR);
		atomic { o++; next_of(in, o) }
	:: else -> break
	od;
	o = 1;
	next_of(in, o);
#endif
#ifdef WEAK
	do
	:: atomic { o <= N -> gone[o] = 1; o++; next_of(in, o) }
	:: else -> break
	od;
	o = 1;
	next_of(in, o);
#endif
	do
	:: atomic { o <= N ->
			if
			:: IS_IN(SLOT(o, i)) -> SLOT(o, i) = 0
			:: else ->
				flight[COLLECTOR] = SLOT(o, i);
				SLOT(o, i) = 0
			fi;
			i++;
			if
			:: i == L -> i = 0; o++; next_of(in, o)
			:: else
			fi
		}
		if
		:: atomic { flight[COLLECTOR] ->
				put(flight[COLLECTOR]);
				flight[COLLECTOR] = 0
			}
		:: else
		fi
	:: else -> break
	od;
	o = 1;
	next_of(in, o);
	do
	:: atomic { o <= N ->
			if
			:: late & BIT(o) -> put(o)
			:: else -> assert(busy[o] && count[o] == 0); busy[o] = 0
			fi;
			o++;
			next_of(in, o)
		}
	:: else -> break
	od;
	o = 0
}
/* FINALIZING: every member has a reference of ours. */
inline finalize()
{
#ifdef BROKEN_FINALIZE_LATE_REF
	o = 1;
	next_of(in, o);
	do
	:: atomic { o <= N -> get(o); o++; next_of(in, o) }
	:: else -> break
	od;
	o = 0;
#endif
	thaw(ALL, false);
	atomic { state = IDLE; n = 0; o = 1; next_of(in, o) };
#ifdef FINALIZERS
	do
	:: atomic { o <= N && (flags[o] & FINALIZE) ->
			assert(!finalized[o] && alive[o]);
			flags[o] = flags[o] & ~FINALIZE;
			finalized[o] = 1;
			found = 1
		}
		finalizer(o, COLLECTOR)
	:: atomic { o <= N && !(flags[o] & FINALIZE) -> o++; next_of(in, o) }
	:: else -> break
	od;
#endif
	o = 1;
	next_of(in, o);
	do
	:: atomic { o <= N -> put(o); o++; next_of(in, o) }
	:: else -> break
	od;
	o = 0
}

/*
 * One transaction on the candidates.  Leaves those for the next one, or 0 where
 * nothing is left to be done.  Uses o, i, n, doomed and claims of the process.
 */
inline transaction()
{
	atomic {
		NEXT_NUMBER;
		state = UNDECIDED;
		begun = 1;
		o = 1;
		next_of(candidates, o)
	}

	/* (a) */
words:
	if
	:: atomic { true ->
			if
			:: count[o] == 0 || (flags[o] & (DEAD | CLAIM))
			:: MAY_LEAVE_OUT
			:: count[o] && !(flags[o] & (DEAD | CLAIM)) ->
				in = in | BIT(o);
				note(o);
#if defined(FINALIZERS) && !defined(BROKEN_FINALIZE_AFTER_DEAD)
				finalizing = finalizing ||
					     (flags[o] & FINALIZE)
#endif
			fi;
			o++;
			next_of(candidates, o);
			if
			:: o <= N -> goto words
			:: else
			fi;
			o = 1;
			next_of(in, o);
			if
			:: in -> goto array
			:: else -> goto nothing
			fi
		}
	fi;

	/* (b) */
array:
#if ARRAYS > 1
	if
	:: atomic { true ->
#ifdef BOTH_ARRAYS
			i = 0;
			behind = S;
#else
			i = ARRAY(o);
			behind = i + L;
#endif
			goto slots
		}
	fi;
#endif
slots:
	if
	:: atomic { true ->
			if
			:: IS_IN(slot[o * S + i]) ->
				edge[o * S + i] = slot[o * S + i]
			:: else
			fi;
			i++;
			if
			:: i < BEHIND -> goto slots
			:: else
			fi;
			i = 0;
			o++;
			next_of(in, o);
			if
			:: o <= N -> goto array
			:: else
			fi;
			o = 1;
			next_of(in, o);
			goto freeze
		}
	fi;

	/* (c), and what (d) drops. */
freeze:
	if
	:: atomic { true ->
			count_edges(o, n);
			if
			:: SAME(o) ->
				frozen = frozen | BIT(o);
				flags[o] = flags[o] | FROZEN;
				if
				:: REF_EARLY -> count[o]++; STEP(o)
				:: else
				fi;
				note(o)
			:: else
			fi;
			n = 0;
			o++;
			next_of(in, o);
			if
			:: o <= N -> goto freeze
			:: else
			fi;
			o = 0;
			n = in & ~frozen;
			add_reached(n);
			in = in & ~n;
			n = 0
		}
	fi;
	thaw(~in, REF_EARLY);

	/* (e) */
	if
	:: atomic { in == 0 -> state = IDLE; candidates = 0 }
	:: atomic { in && state == ABORTED -> skip }
		thaw(ALL, REF_EARLY);
		atomic {
			add_reached(n);
			candidates = in & ~n
		}
	:: atomic { in && state == UNDECIDED && !finalizing ->
			check_closed();
			state = COMMITTED;
			found = 1;
			all_die()
		}
		kill();
		candidates = 0
	:: atomic { in && state == UNDECIDED && finalizing ->
			check_closed();
			state = FINALIZING
		}
		finalize();
		candidates = in
	fi;
	if
	:: doomed || claims -> bury(COLLECTOR)
	:: else
	fi;
	atomic { forget() }
	goto over;

	atomic {
		false;	/* only a jump leads to here */
nothing:
		state = IDLE;
		candidates = 0;
		forget();
		goto over
	}
over:	skip
}

/* ---- the processes ---- */

#if defined(FINALIZERS)
#define LOCALS	byte o, i, n, doomed, claims; bit mine
#elif ARRAYS > 1
#define LOCALS	byte o, i, n, doomed, claims, behind
#else
#define LOCALS	byte o, i, n, doomed, claims
#endif

/* What is counted is there, and what is alive can be reached. */
inline check_rest()
{
	d_step {
		n = BIT(ROOT);
		cx = 1;
		do
		:: cx <= N ->
			ci = 0;
			doomed = 0;
			do
			:: ci < M ->
				doomed = doomed + HELD(ci, cx);
				ci++
			:: else -> break
			od;
			if
			:: doomed -> n = n | BIT(cx)
			:: else
			fi;
			i = 0;
			do
			:: i <= N ->
				ci = 0;
				do
				:: ci < L ->
					doomed = doomed + (SLOT(i, ci) == cx);
					ci++
				:: else -> break
				od;
				i++
			:: else -> break
			od;
			assert(count[cx] == doomed);
			assert(!(flags[cx] & FROZEN) || !busy[cx]);
			assert(alive[cx] == busy[cx]);
			cx++
		:: else -> break
		od;
		i = 0;
		do
		:: i <= N ->
			cx = 0;
			do
			:: cx <= N ->
				ci = 0;
				do
				:: ci < L && (n & BIT(cx)) ->
					n = n | BIT(SLOT(cx, ci));
					ci++
				:: else -> break
				od;
				cx++
			:: else -> break
			od;
			i++
		:: else -> break
		od;
		cx = 1;
		do
		:: cx <= N ->
			assert(!alive[cx] || (n & BIT(cx)));
			cx++
		:: else -> break
		od
	}
}

proctype collector()
{
	LOCALS;
	byte left = TXNS;

	candidates = ALL;
	do
	:: transaction();
		if
		:: atomic { left > 1 ->
				left--;
				if
				:: candidates
				:: else -> candidates = ALL
				fi
			}
		:: atomic { left == 1 -> left = 0; number = 0; ended = 1 }
			atomic { done == M -> found = 0; candidates = ALL }
		:: atomic { left == 0 && candidates -> skip }
		:: atomic { left == 0 && !candidates && found ->
				found = 0;
				candidates = ALL
			}
		:: atomic { left == 0 && !candidates && !found ->
				check_rest();
				break
			}
		fi
	od
}

/* ---- the beginning ---- */

/* Any references, and the counts that go with them. */
init {
	byte o, i, m;

	atomic {
		o = (ROOTS -> 0 : 1);
		do
		:: o <= N ->
			i = 0;
			do
			:: i < (o -> L : ROOTS) ->
				if
				:: skip
				:: SLOT(o, i) = 1; count[1]++
#if N > 1
				:: SLOT(o, i) = 2; count[2]++
#endif
#if N > 2
				:: SLOT(o, i) = 3; count[3]++
#endif
				fi;
				i++
			:: else -> break
			od;
			o++
		:: else -> break
		od;
		m = 0;
		do
		:: m < M ->
			o = 1;
			do
			:: o <= N ->
				do
				:: TOTAL(m) < HOLD -> HELD(m, o)++; count[o]++
				:: break
				od;
				o++
			:: else -> break
			od;
			m++
		:: else -> break
		od;
		o = 1;
		do
		:: o <= N ->
			if
			:: count[o] ->
				busy[o] = 1;
				alive[o] = 1;
				flags[o] = FRESH
			:: else ->
				/* A free block refers to nothing. */
				i = 0;
				do
				:: i < L ->
					if
					:: SLOT(o, i) -> goto none
					:: else
					fi;
					i++
				:: else -> break
				od;
#ifdef WEAK
				gone[o] = 1
#endif
			fi;
			o++
		:: else -> break
		od;
		m = 0;
		i = 0;
		o = 0;
		run collector();
		do
		:: m < M -> run mutator(m); m++
		:: else -> break
		od;
		m = 0
	}
none:
	skip
}
