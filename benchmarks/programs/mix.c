/* mix.c -- the work of the `mips` and `flat` benchmarks: six small programs of different character.
 *
 * Each executes about a sixth of the instructions. mix(n) does all six n times,
 * each time from one and the same start, and returns how many times the results
 * were not CHECKSUM: 0 if the processor computed right. Freestanding, and without
 * initialised data. The Makefile says how mix.bin and flat.bin are made from this.
 */

typedef unsigned char u8;
typedef unsigned int u32;
#ifdef __x86_64__
typedef unsigned long whole;
#else
typedef long long whole; /* what the FPU converts to, without a function of libgcc's */
#endif

#define CHECKSUM 0xcda66391u /* of one repetition; `make check` computes it on the host */

#define TEXT_BYTES 16384
#define SIEVE_LIMIT 20480
#define SORTED 1024
#define ORDER 32
#define NODES 1024
#define VM_ROUNDS 1500

/* Called, as in a real program, and not folded into one big loop. */
#define CALLED __attribute__((noinline))

static u32 seed;

static u32 next_random(void) /* Numerical Recipes' linear congruential generator */
{
        seed = seed * 1664525u + 1013904223u;
        return seed >> 8;
}

/* -- CRC-32 (IEEE 802.3, reflected) by table: loads, shifts, one long dependency. */

static u32 crc_table[256];
static u8 text[TEXT_BYTES];

static CALLED u32 crc(void)
{
        for (u32 i = 0; i < 256; i++) {
                u32 value = i;
                for (int bit = 0; bit < 8; bit++)
                        value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
                crc_table[i] = value;
        }
        for (u32 i = 0; i < TEXT_BYTES; i++)
                text[i] = next_random();
        u32 value = ~0u;
        for (u32 i = 0; i < TEXT_BYTES; i++)
                value = value >> 8 ^ crc_table[(value ^ text[i]) & 255];
        return ~value;
}

/* -- The sieve of Eratosthenes: byte stores with growing strides. */

static u8 composite[SIEVE_LIMIT];

static CALLED u32 sieve(void)
{
        for (u32 i = 0; i < SIEVE_LIMIT; i++)
                composite[i] = 0;
        u32 primes = 0;
        for (u32 i = 2; i < SIEVE_LIMIT; i++) {
                if (composite[i])
                        continue;
                primes++;
                for (u32 j = i * i; j < SIEVE_LIMIT; j += i)
                        composite[j] = 1;
        }
        return primes;
}

/* -- Quicksort with a comparison function: recursion, indirect calls, bad branches. */

static int numbers[SORTED];

static CALLED int ascending(const int *a, const int *b)
{
        return (*a > *b) - (*a < *b);
}

static CALLED void quicksort(int *first, int *last, int (*compare)(const int *, const int *))
{
        while (first < last) {
                int pivot = first[(last - first) / 2];
                int *low = first, *high = last;
                while (low <= high) {
                        while (compare(low, &pivot) < 0)
                                low++;
                        while (compare(high, &pivot) > 0)
                                high--;
                        if (low <= high) {
                                int moved = *low;
                                *low++ = *high;
                                *high-- = moved;
                        }
                }
                quicksort(first, high, compare);
                first = low;
        }
}

static CALLED u32 sort(void)
{
        int (*volatile compare)(const int *, const int *) = ascending;
        for (u32 i = 0; i < SORTED; i++)
                numbers[i] = next_random();
        quicksort(numbers, numbers + SORTED - 1, compare);
        u32 sum = 0;
        for (u32 i = 0; i < SORTED; i++)
                sum = sum * 31 + numbers[i];
        return sum;
}

/* -- Matrix product: nested loops, multiplications, strided loads. */

static double left[ORDER][ORDER], right[ORDER][ORDER], product[ORDER][ORDER];

static CALLED u32 multiply(void)
{
        for (u32 i = 0; i < ORDER * ORDER; i++) {
                left[i / ORDER][i % ORDER] = next_random();
                right[i / ORDER][i % ORDER] = next_random();
        }
        u32 sum = 0;
        for (u32 i = 0; i < ORDER; i++)
                for (u32 j = 0; j < ORDER; j++) {
                        double cell = 0;
                        for (u32 k = 0; k < ORDER; k++)
                                cell += left[i][k] * right[k][j];
                        product[i][j] = cell;
                        sum = sum * 31 + (u32)(whole)cell;
                }
        return sum;
}

/* -- A binary search tree: pointers to follow, branches that depend on data. */

struct node {
        struct node *child[2];
        u32 key, count;
};

static struct node nodes[NODES];

static CALLED u32 insert(struct node **root, u32 used, u32 key)
{
        struct node **link = root;
        u32 depth = 0;
        while (*link && (*link)->key != key) {
                link = &(*link)->child[key > (*link)->key];
                depth++;
        }
        if (!*link) {
                struct node *fresh = &nodes[used];
                fresh->child[0] = fresh->child[1] = 0;
                fresh->key = key;
                fresh->count = 0;
                *link = fresh;
        }
        (*link)->count++;
        return depth;
}

static CALLED u32 tree(void)
{
        struct node *root = 0;
        u32 depths = 0, start = seed;
        for (u32 i = 0; i < 2 * NODES; i++) {
                if (i == NODES)
                        seed = start; /* the same keys again: now all of them are there */
                depths += insert(&root, i, next_random());
        }
        return depths;
}

/* -- A bytecode interpreter: an indirect jump for every instruction. */

enum { PUSH, ADD, XOR, ROTATE, SWAP, STORE, LOAD, LOOP, STOP };

static u32 cells[16];

static CALLED u32 interpret(const u8 *code, u32 rounds)
{
        u32 stack[16], *top = stack;
        const u8 *at = code;
        *top = 0;
        for (;;) {
                switch (*at++) {
                case PUSH: *++top = *at++; break;
                case ADD: top[-1] += *top; top--; break;
                case XOR: top[-1] ^= *top; top--; break;
                case ROTATE: *top = *top << 5 | *top >> 27; break;
                case SWAP: { u32 t = top[0]; top[0] = top[-1]; top[-1] = t; break; }
                case STORE: cells[*at++ & 15] = *top--; break;
                case LOAD: *++top = cells[*at++ & 15]; break;
                case LOOP: if (--rounds) at = code; break;
                default: return *top;
                }
        }
}

static CALLED u32 virtual_machine(void)
{
        static const u8 program[] = {
                PUSH, 77, ADD, ROTATE, STORE, 3, LOAD, 3, LOAD, 5, XOR, PUSH, 19, SWAP,
                ADD, ROTATE, STORE, 5, LOAD, 3, LOAD, 5, ADD, LOOP, STOP,
        };
        cells[3] = cells[5] = 0;
        return interpret(program, VM_ROUNDS);
}

/* -- All of them. */

static CALLED u32 once(void)
{
        seed = 1;
        u32 sum = crc();
        sum = sum * 31 + sieve();
        sum = sum * 31 + sort();
        sum = sum * 31 + multiply();
        sum = sum * 31 + tree();
        return sum * 31 + virtual_machine();
}

__attribute__((section(".text.entry"))) u32 mix(u32 repetitions)
{
        u32 wrong = 0;
        while (repetitions--)
                wrong += once() != CHECKSUM;
        return wrong;
}
