/* The Python face of the kernel, in the limited API: arrays come as buffers, and the lock is released while worlds are
 * played. Sizes are checked here; what the numbers mean was checked before. */

#include "blocks.h"
#include "lists.h"
#include "packs.h"
#include "programs.h"
#include "threads.h"
#include "draws.h"

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

static void play_some(const void *job, const struct level *level, ptrdiff_t first, int n, void *room)
{
    level->play(job, first, n, room);
}

/* Hold a block of rows ``(rows, count)`` that is written to, and give its fields their places. */
static double *hold_rows(struct views *views, PyObject *block, const struct field *list, int length,
                         const struct sizes *size, Py_ssize_t count, double **to)
{
    Py_ssize_t rows = 0;
    for (int i = 0; i < length; ++i)
        rows += entries(size, list[i].axes);
    double *at = hold(views, block, rows * count, PyBUF_WRITABLE, "a block of rows");
    for (int i = 0; at && i < length; ++i) {
        to[i] = at;
        at += entries(size, list[i].axes) * count;
    }
    return at;
}

static PyObject *play(PyObject *module, PyObject *args)
{
    const char *name;
    PyObject *market_capsule, *world_capsule, *state, *window, *decision, *draws, *evening, *outcome, *details;
    int number, threads, ok = 0;
    Py_ssize_t count;
    struct views views = {.count = 0};
    (void)module;
    if (!PyArg_ParseTuple(args, "sOOO!OO!O!OOOini", &name, &market_capsule, &world_capsule, &PyTuple_Type, &state,
                          &window, &PyTuple_Type, &decision, &PyTuple_Type, &draws, &evening, &outcome, &details,
                          &number, &count, &threads))
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
    const Py_ssize_t exposures = count * size->R * size->S * size->W * size->A;
    if (!hold_rows(&views, evening, STATE_LIST, states, size, count, to)
        || !hold_rows(&views, outcome, OUTCOME_LIST, LENGTH(OUTCOME_LIST), size, count, to + states)
        || (details != Py_None
            && !hold_rows(&views, details, DETAIL_LIST, LENGTH(DETAIL_LIST), size, count,
                                  &day.details.contact_kept))
        || !(day.window = hold(&views, window, exposures, PyBUF_WRITABLE, "window")))
        goto done;
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
    if (!block_type && !(block_type = PyType_FromSpec(&block_spec)))
        return -1;
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
    return add_operations(module) || add_fields(module, "OUTCOME_FIELDS", OUTCOME_LIST, LENGTH(OUTCOME_LIST))
        || add_fields(module, "DETAIL_FIELDS", DETAIL_LIST, LENGTH(DETAIL_LIST)) ? -1 : 0;
}

static PyMethodDef methods[] = {
    {"block", new_block, METH_VARARGS, "block(bytes): memory to be written, its contents unknown."},
    {"market", market, METH_VARARGS, "market(sizes, arrays): a market that days are played in."},
    {"worlds", worlds, METH_VARARGS, "worlds(market, arrays): what differs by world, for a market."},
    {"play", play, METH_VARARGS,
     "play(level, market, worlds, state, window, decision, draws, evening, outcome, details, day, count, threads)"},
    {"draw", draw, METH_VARARGS, "draw(level, left_key, right_key, worlds, order, out, normals, day, threads)"},
    {"evaluate", evaluate, METH_VARARGS, "evaluate(level, function, x, y, out)"},
    {"program", new_program, METH_VARARGS, "program(level, steps, fixed, constants, tensors, inputs, total)"},
    {"read", read_lists, METH_VARARGS, "read(values, nestings, bounds, out): nested lists of numbers into an array."},
    {"run", run_program, METH_VARARGS, "run(program, inputs, outputs, rows): a policy's graph, row by row."},
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
