/* The Python face of the kernel, in the limited API: arrays come as buffers, and the lock is released while worlds are
 * played. Sizes are checked here; what the numbers mean was checked before. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "threads.h"
#include "draws.h"

enum { MARKET, WORLDS, MOST_VIEWS = 192 };
static const char *const CAPSULES[] = {"xbopt.market", "xbopt.worlds"};

struct field {
    const char *name, *axes;
};
#define X(name, axes) {#name, axes},
static const struct field MARKET_LIST[] = {MARKET_FIELDS(X)}, WORLD_LIST[] = {WORLD_FIELDS(X)};
static const struct field STATE_LIST[] = {STATE_FIELDS(X)}, DECISION_LIST[] = {DECISION_FIELDS(X)};
static const struct field DRAW_LIST[] = {DRAW_FIELDS(X)}, OUTCOME_LIST[] = {OUTCOME_FIELDS(X)};
#undef X
#define LENGTH(list) ((int)(sizeof(list) / sizeof((list)[0])))
_Static_assert(LENGTH(MARKET_LIST) <= MOST_VIEWS, "a call holds all arrays of a market");
static const char SIZE_LETTERS[] = {
#define X(letter) #letter[0],
    SIZES(X)
#undef X
};
_Static_assert(sizeof(struct sizes) == sizeof SIZE_LETTERS * sizeof(int), "sizes are whole numbers in a row");

/* Numbers of a field of one world. */
static Py_ssize_t entries(const struct sizes *size, const char *axes)
{
    Py_ssize_t count = 1;
    for (; *axes; ++axes)
        for (int i = 0; i < LENGTH(SIZE_LETTERS); ++i)
            if (SIZE_LETTERS[i] == *axes)
                count *= ((const int *)size)[i];
    return count;
}

static const struct level *const *levels(void)
{
    static const struct level *found[4];
    if (!found[0]) {
        int n = 0;
#ifdef XBOPT_X86_LEVELS
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
            && __builtin_cpu_supports("avx512bw"))
            found[n++] = &level_avx512;
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
            found[n++] = &level_avx2;
#endif
        found[n] = &level_baseline;
    }
    return found;
}

static const struct level *level_named(const char *name)
{
    for (const struct level *const *level = levels(); *level; ++level)
        if (!strcmp((*level)->name, name))
            return *level;
    PyErr_Format(PyExc_ValueError, "This machine has no instruction level %s.", name);
    return NULL;
}

/* The arrays of a call, held until it ends. */
struct views {
    Py_buffer view[MOST_VIEWS];
    int count;
};

static void release(struct views *views)
{
    while (views->count)
        PyBuffer_Release(&views->view[--views->count]);
}

/* Hold one array of ``numbers`` 8-byte entries; NULL with an error set where it is another. */
static void *hold(struct views *views, PyObject *array, Py_ssize_t numbers, int flags, const char *name)
{
    Py_buffer *view = &views->view[views->count];
    if (PyObject_GetBuffer(array, view, flags | PyBUF_ANY_CONTIGUOUS))
        return NULL;
    ++views->count;
    if (numbers >= 0 && view->len != numbers * 8) {
        PyErr_Format(PyExc_ValueError, "%s holds %zd bytes; %zd are wanted.", name, view->len, numbers * 8);
        return NULL;
    }
    return view->buf;
}

/* Hold a tuple of arrays by a list of fields, ``worlds`` times their entries each. */
static int hold_all(struct views *views, PyObject *tuple, const struct field *list, int length,
                    const struct sizes *size, Py_ssize_t worlds, const double **to)
{
    if (PyTuple_Size(tuple) != length) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_ValueError, "%d arrays are wanted.", length);
        return -1;
    }
    for (int i = 0; i < length; ++i) {
        PyObject *array = PyTuple_GetItem(tuple, i);
        to[i] = hold(views, array, worlds * entries(size, list[i].axes), PyBUF_SIMPLE, list[i].name);
        if (!to[i])
            return -1;
    }
    return 0;
}

static void free_market(PyObject *capsule)
{
    free(PyCapsule_GetPointer(capsule, CAPSULES[MARKET]));
}

static PyObject *market(PyObject *module, PyObject *args)
{
    PyObject *lengths, *arrays, *capsule = NULL;
    const double *from[LENGTH(MARKET_LIST)];
    struct sizes size;
    struct views views = {.count = 0};
    (void)module;
    if (!PyArg_ParseTuple(args, "O!O!", &PyTuple_Type, &lengths, &PyTuple_Type, &arrays))
        return NULL;
    if (PyTuple_Size(lengths) != LENGTH(SIZE_LETTERS))
        return PyErr_Format(PyExc_ValueError, "%d sizes are wanted.", LENGTH(SIZE_LETTERS));
    for (int i = 0; i < LENGTH(SIZE_LETTERS); ++i)
        ((int *)&size)[i] = (int)PyLong_AsLong(PyTuple_GetItem(lengths, i));
    if (PyErr_Occurred() || hold_all(&views, arrays, MARKET_LIST, LENGTH(MARKET_LIST), &size, 1, from))
        goto done;
    size_t numbers = 0;
    for (int i = 0; i < LENGTH(MARKET_LIST); ++i)
        numbers += (size_t)entries(&size, MARKET_LIST[i].axes);
    struct market *made = malloc(sizeof *made + numbers * sizeof(double));
    if (!made) {
        PyErr_NoMemory();
        goto done;
    }
    made->size = size;
    double *at = (double *)(void *)(made + 1), **name = &made->demand;
    for (int i = 0; i < LENGTH(MARKET_LIST); ++i) {
        const size_t count = (size_t)entries(&size, MARKET_LIST[i].axes);
        memcpy(at, from[i], count * sizeof(double));
        name[i] = at;
        at += count;
    }
    capsule = PyCapsule_New(made, CAPSULES[MARKET], free_market);
    if (!capsule)
        free(made);
done:
    release(&views);
    return capsule;
}

/* Parameters by world, and the arrays that they lie in. */
struct worlds {
    struct factors factors;
    Py_ssize_t count;
    struct views views;
};

static void free_worlds(PyObject *capsule)
{
    struct worlds *worlds = PyCapsule_GetPointer(capsule, CAPSULES[WORLDS]);
    release(&worlds->views);
    free(worlds);
}

static PyObject *worlds(PyObject *module, PyObject *args)
{
    PyObject *arrays, *market_capsule;
    (void)module;
    if (!PyArg_ParseTuple(args, "OO!", &market_capsule, &PyTuple_Type, &arrays))
        return NULL;
    const struct market *m = PyCapsule_GetPointer(market_capsule, CAPSULES[MARKET]);
    if (!m)
        return NULL;
    if (PyTuple_Size(arrays) != LENGTH(WORLD_LIST))
        return PyErr_Format(PyExc_ValueError, "%d arrays are wanted.", LENGTH(WORLD_LIST));
    struct worlds *made = calloc(1, sizeof *made);
    if (!made)
        return PyErr_NoMemory();
    made->count = 1;
    struct factor *factor = &made->factors.elasticity;
    for (int i = 0; i < LENGTH(WORLD_LIST); ++i, ++factor) {
        const char *axes = WORLD_LIST[i].axes;
        factor->at = hold(&made->views, PyTuple_GetItem(arrays, i), -1, PyBUF_F_CONTIGUOUS, WORLD_LIST[i].name);
        if (!factor->at)
            goto failed;
        const Py_buffer *view = &made->views.view[made->views.count - 1];
        int fits = view->ndim == 1 + (int)strlen(axes) && view->itemsize == 8;
        ptrdiff_t step = fits ? view->shape[0] : 0;
        factor->by_world = step > 1;
        fits = fits && (step == 1 || made->count == 1 || made->count == step);
        for (int axis = 0; fits && axes[axis]; ++axis) {
            const char letter[2] = {axes[axis], 0};
            const Py_ssize_t length = view->shape[axis + 1];
            fits = length == 1 || length == entries(&m->size, letter);
            factor->step[axis] = length > 1 ? step : 0;
            step *= length;
        }
        if (!fits) {
            PyErr_Format(PyExc_ValueError, "%s has another shape than (B, %s).", WORLD_LIST[i].name, axes);
            goto failed;
        }
        if (view->shape[0] > 1)
            made->count = view->shape[0];
    }
    PyObject *capsule = PyCapsule_New(made, CAPSULES[WORLDS], free_worlds);
    if (capsule)
        return capsule;
failed:
    release(&made->views);
    free(made);
    return NULL;
}

static void play_some(const void *job, const struct level *level, ptrdiff_t first, int n, void *room)
{
    level->play(job, first, n, room);
}

/* Give the fields of a block of rows ``(rows, count)`` their places; returns the number of rows. */
static Py_ssize_t place(const struct sizes *size, const struct field *list, int length, double *block,
                        Py_ssize_t count, double **to)
{
    Py_ssize_t row = 0;
    for (int i = 0; i < length; ++i) {
        if (to)
            to[i] = block + row * count;
        row += entries(size, list[i].axes);
    }
    return row;
}

static PyObject *play(PyObject *module, PyObject *args)
{
    const char *name;
    PyObject *market_capsule, *world_capsule, *state, *decision, *draws, *evening, *outcome;
    int number, threads, ok = 0;
    Py_ssize_t count;
    struct views views = {.count = 0};
    (void)module;
    if (!PyArg_ParseTuple(args, "sOOO!O!O!OOini", &name, &market_capsule, &world_capsule, &PyTuple_Type, &state,
                          &PyTuple_Type, &decision, &PyTuple_Type, &draws, &evening, &outcome, &number, &count,
                          &threads))
        return NULL;
    const struct level *level = level_named(name);
    const struct market *m = level ? PyCapsule_GetPointer(market_capsule, CAPSULES[MARKET]) : NULL;
    const struct worlds *w = m ? PyCapsule_GetPointer(world_capsule, CAPSULES[WORLDS]) : NULL;
    if (!w)
        return NULL;
    if (number < 0 || number >= m->size.T || (w->count != 1 && w->count != count))
        return PyErr_Format(PyExc_ValueError, "Day %d of %zd worlds does not fit.", number, count);
    const struct sizes *size = &m->size;
    struct day day = {.market = m, .worlds = w->factors, .count = count, .number = number,
                      .sampled = PyTuple_Size(draws) > 0};
    const double **from = &day.morning.fx_log;
    double **to = &day.evening.fx_log;
    const int states = LENGTH(STATE_LIST), decisions = LENGTH(DECISION_LIST);
    if (hold_all(&views, state, STATE_LIST, states, size, count, from)
        || hold_all(&views, decision, DECISION_LIST, decisions, size, count, from + states)
        || (day.sampled
            && hold_all(&views, draws, DRAW_LIST, LENGTH(DRAW_LIST), size, count, from + states + decisions)))
        goto done;
    double *tonight = hold(&views, evening, count * place(size, STATE_LIST, states, NULL, 0, NULL), PyBUF_WRITABLE,
                           "evening");
    double *brought = tonight ? hold(&views, outcome,
                                     count * place(size, OUTCOME_LIST, LENGTH(OUTCOME_LIST), NULL, 0, NULL),
                                     PyBUF_WRITABLE, "outcome") : NULL;
    if (!brought)
        goto done;
    place(size, STATE_LIST, states, tonight, count, to);
    place(size, OUTCOME_LIST, LENGTH(OUTCOME_LIST), brought, count, to + states);
    struct crew crew = {.work = play_some, .job = &day, .level = level, .count = count,
                        .room = level->room_bytes(size)};
    Py_BEGIN_ALLOW_THREADS
    ok = work_on(&crew, threads);
    Py_END_ALLOW_THREADS
    if (!ok)
        PyErr_NoMemory();
done:
    release(&views);
    return ok ? Py_NewRef(Py_None) : NULL;
}

static void draw_some(const void *job, const struct level *level, ptrdiff_t first, int n, void *room)
{
    level->draw(job, first, n, room);
}

static PyObject *draw(PyObject *module, PyObject *args)
{
    const char *name;
    unsigned long long left, right;
    PyObject *numbers, *order, *out;
    int normals, day, threads, ok = 0;
    struct views views = {.count = 0};
    (void)module;
    if (!PyArg_ParseTuple(args, "sKKOOOiii", &name, &left, &right, &numbers, &order, &out, &normals, &day, &threads))
        return NULL;
    const struct level *level = level_named(name);
    struct draw job = {.key = {left, right}, .normals = normals};
    if (!level || !(job.worlds = hold(&views, numbers, -1, PyBUF_SIMPLE, "worlds")))
        goto done;
    job.count = views.view[0].len / 8;
    if (!(job.order = hold(&views, order, -1, PyBUF_SIMPLE, "order")))
        goto done;
    job.slots = (int)(views.view[1].len / 8);
    if (!(job.out = hold(&views, out, job.count * job.slots, PyBUF_WRITABLE, "out")))
        goto done;
    for (int i = 0; i < job.slots; ++i)
        if (job.order[i] < 0 || job.order[i] >= job.slots) {
            PyErr_SetString(PyExc_ValueError, "order holds a position outside the stream.");
            goto done;
        }
    const int blocks = (job.slots + 3) / 4;
    job.first = (uint64_t)day * (uint64_t)blocks;
    struct crew crew = {.work = draw_some, .job = &job, .level = level, .count = job.count,
                        .room = sizeof(lanes) * 4 * (size_t)blocks};
    Py_BEGIN_ALLOW_THREADS
    ok = work_on(&crew, threads);
    Py_END_ALLOW_THREADS
    if (!ok)
        PyErr_NoMemory();
done:
    release(&views);
    return ok ? Py_NewRef(Py_None) : NULL;
}

static PyObject *evaluate(PyObject *module, PyObject *args)
{
    const char *name, *function;
    PyObject *first, *second, *out;
    struct views views = {.count = 0};
    int ok = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "ssOOO", &name, &function, &first, &second, &out))
        return NULL;
    const struct level *level = level_named(name);
    double *x = level ? hold(&views, first, -1, PyBUF_SIMPLE, "x") : NULL;
    const Py_ssize_t count = x ? views.view[0].len / 8 : 0;
    double *y = x ? hold(&views, second, count, PyBUF_SIMPLE, "y") : NULL;
    double *to = y ? hold(&views, out, count, PyBUF_WRITABLE, "out") : NULL;
    if (to && !(ok = level->evaluate(function, x, y, to, count)))
        PyErr_Format(PyExc_ValueError, "There is no function %s.", function);
    release(&views);
    return ok ? Py_NewRef(Py_None) : NULL;
}

static int add_fields(PyObject *module, const char *name, const struct field *list, int length)
{
    PyObject *tuple = PyTuple_New(length);
    for (int i = 0; tuple && i < length; ++i)
        PyTuple_SetItem(tuple, i, Py_BuildValue("ss", list[i].name, list[i].axes));
    const int failed = !tuple || PyErr_Occurred() || PyModule_AddObjectRef(module, name, tuple);
    Py_XDECREF(tuple);
    return failed ? -1 : 0;
}

static int fill_module(PyObject *module)
{
    int n = 0;
    while (levels()[n])
        ++n;
    PyObject *names = PyTuple_New(n);
    for (int i = 0; names && i < n; ++i)
        PyTuple_SetItem(names, i, PyUnicode_FromString(levels()[i]->name));
    const int failed = !names || PyErr_Occurred() || PyModule_AddObjectRef(module, "LEVELS", names);
    Py_XDECREF(names);
    char letters[sizeof SIZE_LETTERS + 1] = {0};
    memcpy(letters, SIZE_LETTERS, sizeof SIZE_LETTERS);
    if (failed || PyModule_AddStringConstant(module, "SIZES", letters)
        || add_fields(module, "MARKET_FIELDS", MARKET_LIST, LENGTH(MARKET_LIST))
        || add_fields(module, "WORLD_FIELDS", WORLD_LIST, LENGTH(WORLD_LIST))
        || add_fields(module, "STATE_FIELDS", STATE_LIST, LENGTH(STATE_LIST))
        || add_fields(module, "DECISION_FIELDS", DECISION_LIST, LENGTH(DECISION_LIST))
        || add_fields(module, "DRAW_FIELDS", DRAW_LIST, LENGTH(DRAW_LIST)))
        return -1;
    return add_fields(module, "OUTCOME_FIELDS", OUTCOME_LIST, LENGTH(OUTCOME_LIST));
}

static PyMethodDef methods[] = {
    {"market", market, METH_VARARGS, "market(sizes, arrays): a market that days are played in."},
    {"worlds", worlds, METH_VARARGS, "worlds(market, arrays): what differs by world, for a market."},
    {"play", play, METH_VARARGS,
     "play(level, market, worlds, state, decision, draws, evening, outcome, day, count, threads)"},
    {"draw", draw, METH_VARARGS, "draw(level, left_key, right_key, worlds, order, out, normals, day, threads)"},
    {"evaluate", evaluate, METH_VARARGS, "evaluate(level, function, x, y, out)"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)fill_module}, {0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", "The market's day, compiled.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
