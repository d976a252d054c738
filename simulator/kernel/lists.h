/* Nested lists of Python's numbers into arrays, as requests hold them. What is not as usual is left to others. */

#ifndef XBOPT_LISTS_H
#define XBOPT_LISTS_H

#include "arrays.h"

enum { MOST_DEPTH = 4 };

/* Where a value goes, how it is nested, and whether null stands for no limit. */
struct nesting {
    int64_t at, depth, length[MOST_DEPTH], is_whole, is_cap;
};

static const double NO_CAP = __builtin_inf();

/* One number within its bounds; whether it is one. */
static int take_number(PyObject *value, const struct nesting *nesting, const double *bounds, double *to)
{
    if (Py_IS_TYPE(value, &PyFloat_Type) && !nesting->is_whole)
        *to = PyFloat_AsDouble(value);
    else if (Py_IS_TYPE(value, &PyLong_Type)) {
        int overflow;
        const int64_t whole = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (overflow || whole > (int64_t)1 << 53 || whole < -((int64_t)1 << 53))
            return 0;
        *to = (double)whole;
    } else if (value == Py_None && nesting->is_cap)
        *to = NO_CAP;
    else
        return 0;
    const int fits = *to >= bounds[0] && *to <= bounds[1];
    if (nesting->is_whole) {
        const int64_t whole = (int64_t)*to;
        memcpy(to, &whole, sizeof whole);
    }
    return fits;
}

/* Entries of a list of lists, from one place on; the place after the last, or -1 where something is not as usual. */
static int64_t take_list(PyObject *value, const struct nesting *nesting, int level, const double *bounds, double *out,
                         int64_t at)
{
    if (level == nesting->depth)
        return take_number(value, nesting, bounds + 2 * at, out + at) ? at + 1 : -1;
    if (level >= MOST_DEPTH || !Py_IS_TYPE(value, &PyList_Type) || PyList_Size(value) != nesting->length[level])
        return -1;
    for (Py_ssize_t i = 0; at >= 0 && i < nesting->length[level]; ++i)
        at = take_list(PyList_GetItem(value, i), nesting, level + 1, bounds, out, at);
    return at;
}

/* read(values, nestings, bounds, out): whether all values are as usual, and within their bounds. */
static PyObject *read_lists(PyObject *module, PyObject *args)
{
    PyObject *values, *nesting_array, *bound_array, *out_array;
    struct views views = {.count = 0};
    int usual = -1;
    (void)module;
    if (!PyArg_ParseTuple(args, "O!OOO", &PyTuple_Type, &values, &nesting_array, &bound_array, &out_array))
        return NULL;
    const struct nesting *nestings = hold(&views, nesting_array, -1, PyBUF_SIMPLE, "nestings");
    double *out = nestings ? hold(&views, out_array, -1, PyBUF_WRITABLE, "out") : NULL;
    const Py_ssize_t room = out ? views.view[1].len / 8 : 0;
    const double *bounds = out ? hold(&views, bound_array, 2 * room, PyBUF_SIMPLE, "bounds") : NULL;
    if (!bounds)
        goto done;
    const Py_ssize_t count = PyTuple_Size(values);
    if (views.view[0].len != count * (Py_ssize_t)sizeof *nestings) {
        PyErr_SetString(PyExc_ValueError, "There is not one nesting a value.");
        goto done;
    }
    usual = 1;
    for (Py_ssize_t v = 0; usual && v < count; ++v) {
        const struct nesting *nesting = nestings + v;
        int64_t numbers = 1;
        usual = nesting->depth >= 0 && nesting->depth <= MOST_DEPTH && nesting->at >= 0 && nesting->at <= room;
        for (int i = 0; usual && i < nesting->depth; ++i) {
            usual = nesting->length[i] >= 0 && nesting->length[i] <= room;
            numbers *= nesting->length[i];
            usual = usual && numbers <= room - nesting->at;
        }
        if (!usual || nesting->at + numbers > room)
            usual = 0;
        else if (PyTuple_GetItem(values, v) == Py_None && nesting->is_cap)
            for (int64_t i = 0; i < numbers; ++i)
                out[nesting->at + i] = NO_CAP;
        else
            usual = take_list(PyTuple_GetItem(values, v), nesting, 0, bounds, out, nesting->at) >= 0;
    }
done:
    release(&views);
    return usual < 0 ? NULL : PyBool_FromLong(usual);
}

#endif
