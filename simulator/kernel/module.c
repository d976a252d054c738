/* The Python face of the kernel, in the limited API: arrays come as buffers, and the lock is released while worlds are
 * played. Sizes are checked here; what the numbers mean was checked before. */

#include "blocks.h"
#include "lists.h"
#include "packs.h"
#include "programs.h"
#include "threads.h"

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
    double *at = hold(views, block, rows_of(size, list, length) * count, PyBUF_WRITABLE, "a block of rows");
    for (int i = 0; at && i < length; ++i) {
        to[i] = at;
        at += entries(size, list[i].axes) * count;
    }
    return at;
}

/* Hold a morning: arrays, or the block that an earlier day left. */
static int hold_morning(struct views *views, PyObject *state, const struct sizes *size, Py_ssize_t count,
                        const double **from)
{
    double *left[LENGTH(STATE_LIST)];
    if (PyTuple_Check(state))
        return hold_all(views, state, STATE_LIST, LENGTH(STATE_LIST), size, count, from);
    if (!hold_rows(views, state, STATE_LIST, LENGTH(STATE_LIST), size, count, left))
        return -1;
    memcpy(from, left, sizeof left);
    return 0;
}

/* Hold what is decided: of so many worlds, or of one for all. */
static int hold_decided(struct views *views, PyObject *tuple, const struct sizes *size, Py_ssize_t worlds,
                        struct factor *to)
{
    if (PyTuple_Size(tuple) != LENGTH(DECISION_LIST)) {
        PyErr_Format(PyExc_ValueError, "%d arrays are wanted.", LENGTH(DECISION_LIST));
        return -1;
    }
    for (int i = 0; i < LENGTH(DECISION_LIST); ++i, ++to) {
        const Py_ssize_t numbers = entries(size, DECISION_LIST[i].axes);
        to->at = hold(views, PyTuple_GetItem(tuple, i), -1, PyBUF_SIMPLE, DECISION_LIST[i].name);
        if (!to->at)
            return -1;
        const Py_ssize_t bytes = views->view[views->count - 1].len;
        to->by_world = worlds > 1 && bytes == worlds * numbers * 8;
        if (!to->by_world && bytes != numbers * 8) {
            PyErr_Format(PyExc_ValueError, "%s holds %zd bytes; %zd are wanted.", DECISION_LIST[i].name, bytes,
                         worlds * numbers * 8);
            return -1;
        }
    }
    return 0;
}

/* Hold the stream that a day's random numbers are drawn from: two keys, worlds, places, number of normals, day. */
static int hold_stream(struct views *views, PyObject *tuple, Py_ssize_t count, struct draw *to)
{
    PyObject *worlds, *place;
    unsigned long long left, right;
    int day;
    if (!PyArg_ParseTuple(tuple, "KKOOii", &left, &right, &worlds, &place, &to->normals, &day))
        return -1;
    to->key[0] = left, to->key[1] = right;
    if (!(to->worlds = hold(views, worlds, count, PyBUF_SIMPLE, "worlds")))
        return -1;
    to->count = views->view[views->count - 1].len / 8;
    if (!(to->place = hold(views, place, -1, PyBUF_SIMPLE, "place")))
        return -1;
    to->slots = (int)(views->view[views->count - 1].len / 8);
    to->first = (uint64_t)day * (uint64_t)((to->slots + 3) / 4);
    for (int i = 0; i < to->slots; ++i)
        if (to->place[i] < 0 || to->place[i] >= to->slots) {
            PyErr_SetString(PyExc_ValueError, "place holds a row that is not there.");
            return -1;
        }
    if (to->normals < 0 || to->normals > to->slots) {
        PyErr_Format(PyExc_ValueError, "%d of %d rows cannot be normals.", to->normals, to->slots);
        return -1;
    }
    return 0;
}

/* Hold the day's random numbers, or the stream that they are drawn from; none in expected mode. */
static int hold_draws(struct views *views, PyObject *tuple, struct day *day)
{
    const struct sizes *size = &day->market->size;
    const int fields = LENGTH(DRAW_LIST);
    const Py_ssize_t given = PyTuple_Size(tuple);
    day->sampled = given > 0;
    if (given == 0 || given == fields)
        return given ? hold_all(views, tuple, DRAW_LIST, fields, size, day->count, &day->draws.z_fx) : 0;
    int rows = 0;
    for (int i = 0; i < fields; ++i) {
        day->draw_row[i] = rows;
        rows += (int)entries(size, DRAW_LIST[i].axes);
    }
    if (hold_stream(views, tuple, day->count, &day->stream))
        return -1;
    if (day->stream.slots != rows) {
        PyErr_Format(PyExc_ValueError, "The stream has %d slots; %d are wanted.", day->stream.slots, rows);
        return -1;
    }
    return 0;
}

/* Note the arrays of a list that have rows by region. */
static void note_by_region(struct day *day, const struct field *list, int length, const double *const *at)
{
    const struct sizes *size = &day->market->size;
    for (int i = 0; i < length; ++i)
        if (*list[i].axes == 'R' && at[i])
            day->by_region[day->arrays++] = (struct by_region){
                at[i], (int)(entries(size, list[i].axes) / size->R)};
}

/* Whether all mechanics that are decided are there; of a decision that keeps the limits they are. */
static int mechanics_fit(const struct day *day)
{
    const struct factor *mechanic = &day->decided.mechanic;
    const struct sizes *size = &day->market->size;
    const int64_t *kinds = (const void *)mechanic->at;
    const ptrdiff_t count = size->R * size->S * (mechanic->by_world ? day->count : 1);
    for (ptrdiff_t i = 0; i < count; ++i)
        if (kinds[i] < 0 || kinds[i] >= size->M)
            return 0;
    return 1;
}

/* Whether the decision keeps the limits in all worlds. */
static int keeps(const struct level *level, const struct day *day, const double *limits)
{
    for (ptrdiff_t first = 0; first < day->count; first += LANES) {
        const ptrdiff_t left = day->count - first;
        if (!level->keeps(day, limits, first, (int)(left < LANES ? left : LANES)))
            return 0;
    }
    return 1;
}

static PyObject *play(PyObject *module, PyObject *args)
{
    const char *name;
    PyObject *market_capsule, *world_capsule, *limits, *state, *window, *decision, *draws, *evening, *outcome;
    PyObject *channels, *details;
    int number, threads, ok = 0, kept = 1;
    Py_ssize_t count;
    struct views views = {.count = 0};
    (void)module;
    if (!PyArg_ParseTuple(args, "sOOOOOO!O!OOOOini", &name, &market_capsule, &world_capsule, &limits, &state,
                          &window, &PyTuple_Type, &decision, &PyTuple_Type, &draws, &evening, &outcome, &channels,
                          &details, &number, &count, &threads))
        return NULL;
    const struct level *level = level_named(name);
    const struct market *m = level ? PyCapsule_GetPointer(market_capsule, CAPSULES[MARKET]) : NULL;
    const struct worlds *w = m ? PyCapsule_GetPointer(world_capsule, CAPSULES[WORLDS]) : NULL;
    if (!w)
        return NULL;
    if (memcmp(&w->size, &m->size, sizeof m->size))
        return PyErr_Format(PyExc_ValueError, "The worlds are those of another market.");
    if (number < 0 || number >= m->size.T || count < 0 || count > INT32_MAX || (w->count != 1 && w->count != count))
        return PyErr_Format(PyExc_ValueError, "Day %d of %zd worlds does not fit.", number, count);
    const struct sizes *size = &m->size;
    struct day day = {.market = m, .worlds = w->factors, .count = count, .number = number};
    const double **from = &day.morning.fx_log, *kept_by = NULL;
    double **to = &day.evening.fx_log;
    const int states = LENGTH(STATE_LIST), outcomes = LENGTH(OUTCOME_LIST);
    if (hold_morning(&views, state, size, count, from)
        || hold_decided(&views, decision, size, count, &day.decided.spend) || hold_draws(&views, draws, &day))
        goto done;
    const Py_ssize_t exposures = count * size->R * size->S * size->W * size->A;
    if (!hold_rows(&views, evening, STATE_LIST, states, size, count, to)
        || !hold_rows(&views, outcome, OUTCOME_LIST, outcomes, size, count, to + states)
        || (channels != Py_None
            && !hold_rows(&views, channels, CHANNEL_LIST, LENGTH(CHANNEL_LIST), size, count,
                          &day.channels.channel_visits))
        || (details != Py_None
            && !hold_rows(&views, details, DETAIL_LIST, LENGTH(DETAIL_LIST), size, count, &day.details.contact_kept))
        || (limits != Py_None && !(kept_by = hold(&views, limits, limit_count(size), PyBUF_SIMPLE, "limits")))
        || !(day.window = hold(&views, window, exposures, PyBUF_WRITABLE, "window")))
        goto done;
    if (!kept_by && !mechanics_fit(&day)) {
        PyErr_SetString(PyExc_ValueError, "mechanic names one that is not there.");
        goto done;
    }
    note_by_region(&day, STATE_LIST, states, from);
    note_by_region(&day, STATE_LIST, states, (const double *const *)to);
    note_by_region(&day, OUTCOME_LIST, outcomes, (const double *const *)to + states);
    day.by_region[day.arrays++] = (struct by_region){day.window, size->S * size->W * size->A};
    struct crew crew = {.work = play_some, .job = &day, .level = level, .count = count,
                        .room = level->room_bytes(size)};
    Py_BEGIN_ALLOW_THREADS
    kept = !kept_by || keeps(level, &day, kept_by);
    ok = !kept || work_on(&crew, threads);
    Py_END_ALLOW_THREADS
    if (!ok)
        PyErr_NoMemory();
done:
    release(&views);
    return ok ? PyBool_FromLong(kept) : NULL;
}

/* Where a stream's numbers go. */
struct drawing {
    struct draw stream;
    double *out;
};

static void draw_some(const void *job, const struct level *level, ptrdiff_t first, int n, void *room)
{
    const struct drawing *drawing = job;
    (void)room;
    level->draw(&drawing->stream, first, n, drawing->out + first, drawing->stream.count);
}

static PyObject *draw(PyObject *module, PyObject *args)
{
    const char *name;
    PyObject *stream, *out;
    int threads, ok = 0;
    struct views views = {.count = 0};
    struct drawing job;
    (void)module;
    if (!PyArg_ParseTuple(args, "sO!Oi", &name, &PyTuple_Type, &stream, &out, &threads))
        return NULL;
    const struct level *level = level_named(name);
    if (!level || hold_stream(&views, stream, -1, &job.stream)
        || !(job.out = hold(&views, out, job.stream.count * job.stream.slots, PyBUF_WRITABLE, "out")))
        goto done;
    struct crew crew = {.work = draw_some, .job = &job, .level = level, .count = job.stream.count};
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
        || add_fields(module, "CHANNEL_FIELDS", CHANNEL_LIST, LENGTH(CHANNEL_LIST))
        || add_fields(module, "DETAIL_FIELDS", DETAIL_LIST, LENGTH(DETAIL_LIST)) ? -1 : 0;
}

static PyMethodDef methods[] = {
    {"block", new_block, METH_VARARGS, "block(bytes): memory to be written, its contents unknown."},
    {"market", market, METH_VARARGS, "market(sizes, arrays): a market that days are played in."},
    {"worlds", worlds, METH_VARARGS, "worlds(market, arrays): what differs by world, for a market."},
    {"play", play, METH_VARARGS,
     "play(level, market, worlds, limits, state, window, decision, draws, evening, outcome, channels, details, day, "
     "count, threads): whether the decision keeps the limits, and the day was played."},
    {"draw", draw, METH_VARARGS, "draw(level, stream, out, threads); a stream is (left key, right key, worlds, place, "
     "normals, day)."},
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
