/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Objects, for the models of the collector: words, slots, puts and deaths.
 *
 * There are N objects, numbered from 1, of L slots each; slots hold a number, 0
 * is NULL.  An atomic { } is one access to what others see, and what follows
 * from it for its own process.  Memory is sequentially consistent.
 *
 * The version of a word counts from where the collector has last read the word
 * (its w0): 0 is "as it was", 1 is "moved on", and stays 1 whatever happens.
 * Only the collector compares words over time, and always with the last w0, so
 * that is exactly a version that never wraps; and operations without end make
 * finitely many states.  With VERSIONS it is a number modulo that.
 */
#ifndef N
#define N	2	/* objects */
#endif
#ifndef L
#define L	1	/* slots of each */
#endif
#ifndef M
#define M	1	/* mutators: 1 or 2 */
#endif
#ifndef HOLD
#define HOLD	1	/* references that one may have */
#endif
#ifndef OPS
#define OPS	2	/* operations that one may do */
#endif
#ifndef TXNS
#define TXNS	1	/* transactions beside them */
#endif
#ifndef ROOTS
#define ROOTS	0
#endif
#ifndef ARRAYS
#define ARRAYS	1	/* of an object */
#endif
#ifndef FRESH
#define FRESH	0	/* flags of a new object */
#endif

#define BIT(o)		(1 << (o))

/* flags of a word */
#define FROZEN		1
#define DEAD		2	/* killed by the collector */
#define FINALIZE	4	/* the finalizer has yet to run */
#define CLAIM		8	/* somebody sees to that */

/* states of a transaction */
#define IDLE		0
#define UNDECIDED	1
#define ABORTED		2
#define COMMITTED	3
#define FINALIZING	4	/* FINALIZE, in the C source */

#define COLLECTOR	M	/* as a process; mutators are 0 to M-1 */
#define ROOT		0	/* as a holder: ROOTS slots that lie in no object */
#define S		(ARRAYS * L)

byte count[N + 1];
byte flags[N + 1];
byte version[N + 1];

/* A vector has room for two arrays; all else has one. */
byte slot[(N + 1) * S];
#if ARRAYS > 1
bit grown[N + 1];	/* the second one is the array */
bit locked[N + 1];
#define ARRAY(x)	(grown[x] * L)
#else
#define ARRAY(x)	0
#endif
#define SLOT(x, i)	slot[(x) * S + ARRAY(x) + (i)]

bit busy[N + 1];	/* the block is out */
#ifdef WEAK
bit gone[N + 1];	/* the generation has changed: handles from the start are stale */
#endif

/* the transaction word */
byte number;
byte state;

/* What only the checks look at. */
bit alive[N + 1];
#ifdef WEAK
bit denied[N + 1];	/* for such a handle an upgrade gave NULL */
#endif
#ifdef FINALIZERS
bit finalized[N + 1];
#endif
byte held[M * (N + 1)];	/* references that a mutator has, and may use */
byte flight[M + 1];	/* one that has left a slot, and is not put or held yet */

#define HELD(m, o)	held[(m) * (N + 1) + (o)]
#if N == 1
#define TOTAL(m)	HELD(m, 1)
#elif N == 2
#define TOTAL(m)	(HELD(m, 1) + HELD(m, 2))
#else
#define TOTAL(m)	(HELD(m, 1) + HELD(m, 2) + HELD(m, 3))
#endif
#if M == 1
#define IS_HELD(o)	HELD(0, o)
#else
#define IS_HELD(o)	(HELD(0, o) || HELD(1, o))
#endif

/* ---- the version ---- */

#ifdef BROKEN_VERSION_3BIT
#define VERSIONS	8
#endif

#ifdef VERSIONS
byte noted[N + 1];
#define STEP(o)		version[o] = (version[o] + 1) % VERSIONS
#define NOTE(o)		noted[o] = version[o]
#define NOTED(o)	noted[o]
#else
#define STEP(o)		version[o] = 1
#define NOTE(o)		version[o] = 0
#define NOTED(o)	0
#endif

#ifdef BROKEN_GET_NO_BUMP
#define GET_STEP(o)	skip
#else
#define GET_STEP(o)	STEP(o)
#endif

#if defined(BROKEN_TAKE_NO_BUMP) || defined(BROKEN_TAKE_BUMP_FIRST)
#define TAKE_STEP(o)	skip
#else
#define TAKE_STEP(o)	STEP(o)
#endif

#if defined(BROKEN_WORD_RESET)
#define NEW_STEP(o)	version[o] = 0
#elif defined(BROKEN_REUSE_NO_BUMP)
#define NEW_STEP(o)	skip
#else
#define NEW_STEP(o)	STEP(o)
#endif

/* ---- references ---- */

inline get(o)
{
#ifndef BROKEN_FINALIZE_AFTER_DEAD
	assert(count[o] > 0 && alive[o]);
#endif
	count[o]++;
	GET_STEP(o)
}

/* The caller sees later to what is @doomed, and to @claims. */
inline put(o)
{
	assert(count[o] > 0);
	count[o]--;
	if
	:: count[o] == 0 && !(flags[o] & FINALIZE) ->
		assert(!IS_HELD(o));
		alive[o] = 0;
		doomed = doomed | BIT(o)
#ifdef FINALIZERS
	:: count[o] == 0 && (flags[o] & (FINALIZE | CLAIM)) == FINALIZE ->
		claims = claims | BIT(o)
#endif
	:: else
	fi
}

/* The first of @mask, which is not empty. */
inline first_of(mask, o)
{
	o = 1;
	do
	:: !((mask) & BIT(o)) -> o++
	:: else -> break
	od
}

/* ---- deaths ---- */

/* Takes the next reference out of a slot of dying @o; if there is none, frees @o. */
inline empty_or_free(o, i, p)
{
	i = 0;
	do
	:: i < L && !SLOT(o, i) -> i++
	:: else -> break
	od;
	if
	:: i < L ->
		flight[p] = SLOT(o, i);
		SLOT(o, i) = 0
	:: else ->
		assert(busy[o] && count[o] == 0);
		busy[o] = 0;
		o = 0
	fi;
	i = 0
}

#ifdef FINALIZERS
#define MINE	mine

/*
 * What a finalizer may do: nothing, make its object reachable, or change it.
 * Process @p has a reference to @o.
 */
inline finalizer(o, p)
{
	if
	:: skip
	:: atomic { true -> get(o) }
		atomic { flight[p] = SLOT(ROOT, 0); SLOT(ROOT, 0) = o }
	:: atomic { true -> flight[p] = SLOT(o, 0); SLOT(o, 0) = 0 }
#if L > 1
	:: atomic { true -> flight[p] = SLOT(o, 1); SLOT(o, 1) = 0 }
#endif
	fi;
	if
	:: atomic { flight[p] -> put(flight[p]); flight[p] = 0 }
	:: else
	fi
}
#else
#define MINE	false
#endif

#define MORE	(o || doomed || claims)

/*
 * Process @p buries what its puts have brought to an end.  Uses its o, i, doomed,
 * claims and, with FINALIZERS, mine, and leaves them 0.
 */
inline bury(p)
{
	do
	:: atomic { doomed && !o ->
			first_of(doomed, o);
			doomed = doomed & ~BIT(o);
#ifdef WEAK
			gone[o] = 1
#else
			empty_or_free(o, i, p);
			if
			:: MORE
			:: else -> break
			fi
#endif
		}
	:: atomic { o && !flight[p] && !MINE ->
			empty_or_free(o, i, p);
			if
			:: MORE
			:: else -> break
			fi
		}
	:: atomic { flight[p] ->
			put(flight[p]);
			flight[p] = 0
		}
#ifdef FINALIZERS
	:: atomic { claims && !doomed && !o ->
			first_of(claims, o);
			claims = claims & ~BIT(o);
			if
			:: count[o] == 0 ->
				count[o] = 1;
				STEP(o);
				flags[o] = (flags[o] & ~FINALIZE) | CLAIM;
				mine = 1
			:: else ->
				flags[o] = flags[o] & ~CLAIM;
				o = 0;
				if
				:: MORE
				:: else -> break
				fi
			fi
		}
	:: atomic { mine ->
			assert(!finalized[o] && alive[o]);
			finalized[o] = 1;
			flags[o] = flags[o] & ~CLAIM;
			mine = 0
		}
		finalizer(o, p);
		atomic {
			put(o);
			o = 0;
			if
			:: MORE
			:: else -> break
			fi
		}
#endif
	od
}
