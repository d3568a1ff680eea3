/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The collector's P2, for the models.
 *
 * P1 only proposes: here it proposes everything, or with SUBSET anything, and what
 * is unreachable may be left, as in report mode.  After TXNS transactions beside
 * the mutators these come to rest, and a last scan has to leave nothing but what
 * can be reached.
 *
 * What is checked is with the asserts: when a transaction is decided, nothing
 * outside of its members refers to one of them (check_closed); nobody holds what
 * dies; who gets a reference gets a live object, and its own; no count goes
 * below 0, no block is freed twice; no finalizer runs twice; no upgrade succeeds
 * after one was refused; what a held object refers to is alive; and, at rest,
 * counts are exact and garbage is gone (check_rest).
 *
 * What can be broken, each of which has to make an assert fail, with -DBROKEN_...:
 *	COUNT_COMPARE		the freeze compares edges with the count that it finds
 *				and looks at versions only, so puts go unseen
 *	TAKE_NO_BUMP		a take leaves the version alone
 *	TAKE_BUMP_FIRST		it moves it on before the exchange
 *	GET_NO_BUMP		a get leaves it alone
 *	REUSE_NO_BUMP		a new object has the version of the one before
 *	WORD_RESET		its version begins at 0
 *	VERSION_3BIT		a version has 3 bits
 *	CLOSURE_REREAD		(d) reads the slots of what failed again
 *	TRYGET_IGNORES_FROZEN	a tryget does not look at FROZEN
 *	NO_DEAD			the collector marks nothing with DEAD
 *	NO_NUMBER		all transactions have the same number
 *	FINALIZE_AFTER_DEAD	finalizers run when their objects are dead
 *	FINALIZE_LATE_REF	the collector takes its references to what is to be
 *				finalized after the decision, not with the freeze
 *	VECTOR_BOTH		(b) reads both arrays of a vector
 *	VECTOR_BUMP_SELF	a vector moves its elements from one array to the other,
 *				and only its own version, afterwards
 *
 * Not in the models: weak memory, more than one collector, saturated counts, and
 * vectors that grow more than once.
 */
#define ALL	(BIT(N + 1) - BIT(1))

/* What a transaction notes; sets of objects are bits. */
byte candidates;
byte in;		/* members that have not been dropped */
byte frozen;
byte late;		/* killed, with a reference that is to be put at the end; */
			/* before that: to be left */
bit finalizing;
byte w0_count[N + 1];	/* what a word was, and after the freeze what it has to be */
byte w0_flags[N + 1];
byte edge[(N + 1) * S];	/* a member that this slot held, or 0 */

bit found;		/* something was finalized, or died */

#define IS_IN(o)	(in & BIT(o))
#define UNCHANGED(o)	(count[o] == w0_count[o] && flags[o] == w0_flags[o] && \
			 version[o] == NOTED(o))

#ifdef SUBSET
#define MAY_LEAVE_OUT	(!ended)
#else
#define MAY_LEAVE_OUT	false
#endif

#ifdef BROKEN_COUNT_COMPARE
#define SAME(o)		(n && count[o] == n && version[o] == NOTED(o))
#else
#define SAME(o)		(w0_count[o] == n && UNCHANGED(o))
#endif

#ifdef BROKEN_CLOSURE_REREAD
#define FOUND(x, i)	slot[(x) * S + (i)]
#else
#define FOUND(x, i)	edge[(x) * S + (i)]
#endif

#ifdef BROKEN_NO_NUMBER
#define NEXT_NUMBER	skip
#else
#define NEXT_NUMBER	number++
#endif

#ifdef BROKEN_NO_DEAD
#define KILLED		0
#else
#define KILLED		DEAD
#endif

#if !defined(FINALIZERS) || defined(BROKEN_FINALIZE_AFTER_DEAD)
#define IS_FINALIZING	false
#else
#define IS_FINALIZING	finalizing
#endif

/* Whether members have a reference of the collector's from their freeze on. */
#ifdef BROKEN_FINALIZE_LATE_REF
#define HAS_REF		false
#else
#define HAS_REF		IS_FINALIZING
#endif

#if defined(BROKEN_VECTOR_BOTH) || defined(BROKEN_VECTOR_BUMP_SELF)
#define BOTH_ARRAYS
#endif
#if ARRAYS > 1
#define END_OF_SLOTS	behind
#else
#define END_OF_SLOTS	L
#endif

/* ---- what takes no time ---- */

hidden byte cx, ci;

/* Goes to the next of @mask that is not below @o, or to N + 1. */
inline next_of(mask, o)
{
	do
	:: o <= N && !((mask) & BIT(o)) -> o++
	:: else -> break
	od
}

inline start_of(mask, o)
{
	o = 1;
	next_of(mask, o)
}

/* The word is to stay as it is now. */
inline note(o)
{
	w0_count[o] = count[o];
	w0_flags[o] = flags[o];
	NOTE(o)
}

inline count_edges(o, n)
{
	d_step {
		n = 0;
		ci = 0;
		do
		:: ci < (N + 1) * S -> n = n + (edge[ci] == o); ci++
		:: else -> break
		od;
		ci = 0
	}
}

/* Adds to @mask all that the edges lead to from there. */
inline add_reached(mask)
{
	d_step {
		cx = 1;
		do
		:: cx <= N * N ->
			ci = 0;
			do
			:: ci < S && (mask & BIT(1 + cx % N)) ->
				mask = mask | (BIT(FOUND(1 + cx % N, ci)) & ALL);
				ci++
			:: else -> break
			od;
			cx++
		:: else -> break
		od;
		cx = 0;
		ci = 0
	}
}

inline all_die()
{
	d_step {
		cx = 1;
		do
		:: cx <= N ->
			alive[cx] = alive[cx] && !IS_IN(cx);
			cx++
		:: else -> break
		od;
		cx = 0
	}
}

inline forget()
{
	d_step {
		cx = 1;
		do
		:: cx <= N ->
			w0_count[cx] = 0;
			w0_flags[cx] = 0;
			ci = 0;
			do
			:: ci < S -> edge[cx * S + ci] = 0; ci++
			:: else -> break
			od;
#ifndef VERSIONS
			STEP(cx);
#endif
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
}

/* ---- what is checked ---- */

/*
 * Nothing outside of the members refers to one; what they refer to among each
 * other was noted, which tells the collector what not to put.
 */
#define NOTED_EDGE(x, i)	edge[(x) * S + ARRAY(x) + (i)]

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
			:: ci < L && IS_IN(cx) ->
				assert(!IS_IN(SLOT(cx, ci)) ||
				       NOTED_EDGE(cx, ci) == SLOT(cx, ci));
				ci++
			:: else -> break
			od;
			assert(!IS_IN(cx) || !IS_HELD(cx));
			cx++
		:: else -> break
		od;
		ci = 0;
		do
		:: ci <= M -> assert(!IS_IN(flight[ci])); ci++
		:: else -> break
		od;
		cx = 0;
		ci = 0
	}
}

/* Uses n and i. */
inline check_rest()
{
	d_step {
		cx = 1;
		do
		:: cx <= N ->
			n = 0;
			ci = 0;
			do
			:: ci < M -> n = n + HELD(ci, cx); ci++
			:: else -> break
			od;
			in = in | ((n > 0) << cx);
			i = 0;
			do
			:: i <= N ->
				ci = 0;
				do
				:: ci < L ->
					n = n + (SLOT(i, ci) == cx);
					ci++
				:: else -> break
				od;
				i++
			:: else -> break
			od;
			assert(count[cx] == n);
			assert(alive[cx] == busy[cx]);
			assert(!busy[cx] || !(flags[cx] & (FROZEN | DEAD)));
			cx++
		:: else -> break
		od;
		/* What is held, or in a root, and what these lead to. */
		in = in | BIT(ROOT);
		i = 0;
		do
		:: i <= N ->
			cx = 0;
			do
			:: cx <= N ->
				ci = 0;
				do
				:: ci < L && IS_IN(cx) ->
					in = in | BIT(SLOT(cx, ci));
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
		:: cx <= N -> assert(!alive[cx] || IS_IN(cx)); cx++
		:: else -> break
		od;
		cx = 0;
		ci = 0;
		i = 0;
		n = 0;
		in = 0
	}
}

/* ---- the ends of a transaction ---- */

/* Unfreezes those of @mask, and adds to n whose words are not as they were. */
inline thaw(mask, puts)
{
	do
	:: atomic { !o && (frozen & (mask)) ->
			first_of(frozen & (mask), o);
			frozen = frozen & ~BIT(o);
			if
			:: UNCHANGED(o)
			:: else -> n = n | BIT(o)
			fi;
			flags[o] = flags[o] & ~FROZEN;
			o = (puts -> o : 0)
		}
	:: atomic { o -> put(o); o = 0 }
	:: else -> break
	od
}

/*
 * COMMITTED.  What is not as it was had a tryget, whose reference may be there
 * yet: then one is the collector's.
 */
inline kill()
{
	atomic { true -> start_of(in, o) };
	do
	:: atomic { o <= N ->
			if
			:: UNCHANGED(o) -> count[o] = 0
			:: else ->
				assert(count[o] >= w0_count[o]);
				count[o] = count[o] - (w0_count[o] - 1);
				late = late | BIT(o)
			fi;
			flags[o] = (flags[o] & ~FROZEN) | KILLED
		}
#ifdef BROKEN_FINALIZE_AFTER_DEAD
		atomic { true -> flags[o] = flags[o] & ~FINALIZE };
		finalizer(o, COLLECTOR);
#endif
#ifdef WEAK
		gone[o] = 1;
#endif
		do
		:: atomic { i < L ->
				if
				:: IS_IN(SLOT(o, i))
				:: else -> flight[COLLECTOR] = SLOT(o, i)
				fi;
				SLOT(o, i) = 0;
				i++
			}
			if
			:: atomic { flight[COLLECTOR] ->
					put(flight[COLLECTOR]);
					flight[COLLECTOR] = 0
				}
			:: else
			fi
		:: atomic { i == L -> i = 0; o++; next_of(in, o); break }
		od
	:: atomic { o > N -> state = IDLE; start_of(in, o); break }
	od;
	/* No block goes before the slots of all are empty. */
	do
	:: atomic { o <= N ->
			if
			:: late & BIT(o) -> put(o)
			:: else -> assert(busy[o] && count[o] == 0); busy[o] = 0
			fi;
			o++;
			next_of(in, o)
		}
	:: atomic { o > N -> o = 0; break }
	od
}

#ifdef FINALIZERS
/* FINALIZING: every member has a reference of the collector's. */
inline finalize()
{
#ifdef BROKEN_FINALIZE_LATE_REF
	atomic { true -> start_of(in, o) };
	do
	:: atomic { o <= N -> get(o); o++; next_of(in, o) }
	:: atomic { o > N -> o = 0; break }
	od;
#endif
	thaw(ALL, false);
	atomic { true -> state = IDLE; n = 0; start_of(in, o) };
	do
	:: atomic { o <= N && (flags[o] & FINALIZE) ->
			assert(!finalized[o] && alive[o]);
			flags[o] = flags[o] & ~FINALIZE;
			finalized[o] = 1;
			found = 1
		}
		finalizer(o, COLLECTOR)
	:: atomic { o <= N && !(flags[o] & FINALIZE) -> o++; next_of(in, o) }
	:: atomic { o > N -> start_of(in, o); break }
	od;
	do
	:: atomic { o <= N -> put(o); o++; next_of(in, o) }
	:: atomic { o > N -> o = 0; break }
	od
}
#endif

/* ---- a transaction ---- */

/*
 * On the candidates.  Leaves those for the next one, or 0 where nothing is left
 * to be done.  Uses o, i, n, doomed and claims of the process.
 */
inline transaction()
{
	atomic {
		NEXT_NUMBER;
		state = UNDECIDED;
		begun = 1;
		start_of(candidates, o)
	}

	/* (a) */
words:
	if
	:: atomic { true ->
			if
			:: count[o] && !(flags[o] & (DEAD | CLAIM)) ->
				in = in | BIT(o);
				note(o);
				finalizing = finalizing || (flags[o] & FINALIZE)
			:: !count[o] || (flags[o] & (DEAD | CLAIM)) -> skip
			:: MAY_LEAVE_OUT
			fi;
			o++;
			next_of(candidates, o);
			if
			:: o <= N -> goto words
			:: else
			fi;
			start_of(in, o);
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
			:: i < END_OF_SLOTS -> goto slots
			:: else
			fi;
			i = 0;
			o++;
			next_of(in, o);
			if
			:: o <= N -> goto array
			:: else
			fi;
			start_of(in, o);
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
#ifdef FINALIZERS
				if
				:: HAS_REF -> count[o]++; STEP(o)
				:: else
				fi;
#endif
				note(o);
				if
				:: MAY_LEAVE_OUT -> late = late | BIT(o)
				:: true
				fi
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
			n = (in & ~frozen) | late;
			late = 0;
			add_reached(n);
			in = in & ~n;
			n = 0
		}
	fi;
	thaw(~in, HAS_REF);
	n = 0;

	/* (e) */
	if
	:: atomic { !in -> state = IDLE; candidates = 0 }
	:: atomic { in && state == ABORTED -> skip }
		thaw(ALL, HAS_REF);
		atomic { true ->
			add_reached(n);
			candidates = in & ~n;
			n = 0;
			state = IDLE
		}
	:: atomic { in && state == UNDECIDED && !IS_FINALIZING ->
			check_closed();
			state = COMMITTED;
			all_die()
		}
		kill();
		found = 1;
		candidates = 0
#ifdef FINALIZERS
	:: atomic { in && state == UNDECIDED && IS_FINALIZING ->
			check_closed();
			state = FINALIZING
		}
		finalize();
		candidates = in
#endif
	fi;
	if
	:: doomed || claims -> bury(COLLECTOR)
	:: else
	fi;
	atomic { true -> forget(); goto over };

	atomic {
		false;	/* only jumps lead to what follows */
nothing:
		state = IDLE;
		candidates = 0;
		forget();
		goto over
	}
over:	skip
}

/* ---- the process ---- */

proctype collector()
{
	byte o, i, n, doomed, claims, left = TXNS;
#if ARRAYS > 1
	byte behind;
#endif
#ifdef FINALIZERS
	bit mine;
#endif

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
		:: atomic { left == 1 -> left = 0; ended = 1 }
			atomic { done == M ->
				number = 0;
				found = 0;
				candidates = ALL
			}
		/* The last scan, until there is nothing more to be done. */
		:: atomic { !left && candidates -> skip }
		:: atomic { !left && !candidates && found ->
				found = 0;
				candidates = ALL
			}
		:: atomic { !left && !candidates && !found ->
				check_rest();
				break
			}
		fi
	od
}

/* ---- the beginning ---- */

#if N == 1
#define RANK(m)		HELD(m, 1)
#elif N == 2
#define RANK(m)		(HELD(m, 1) * 16 + HELD(m, 2))
#else
#define RANK(m)		(HELD(m, 1) * 256 + HELD(m, 2) * 16 + HELD(m, 3))
#endif

/* Any references, and the counts that go with them. */
init {
	byte o, i, m;

	atomic {
		/* slots */
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
		/* mutators */
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
#if M > 1
		/* They are alike. */
		if
		:: RANK(0) < RANK(1) -> goto none
		:: else
		fi;
#endif
		/* A free block refers to nothing. */
		o = 1;
		do
		:: o <= N ->
			busy[o] = count[o] > 0;
			alive[o] = busy[o];
#ifdef WEAK
			gone[o] = !busy[o];
#endif
			flags[o] = (busy[o] -> FRESH : 0);
			i = 0;
			do
			:: i < L && !busy[o] && SLOT(o, i) -> goto none
			:: i < L && (busy[o] || !SLOT(o, i)) -> i++
			:: else -> break
			od;
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
