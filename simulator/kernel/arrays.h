/* Arrays that come from Python as buffers: which there are, how long they are, and how they are held for a call. */

#ifndef XBOPT_ARRAYS_H
#define XBOPT_ARRAYS_H

#define _DEFAULT_SOURCE /* for madvise, which C11 does not know */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "day.h"

enum { MOST_VIEWS = 192 };

struct field {
    const char *name, *axes;
};
#define X(name, axes) {#name, axes},
static const struct field MARKET_LIST[] = {MARKET_FIELDS(X)}, WORLD_LIST[] = {WORLD_FIELDS(X)};
static const struct field STATE_LIST[] = {STATE_FIELDS(X)}, DECISION_LIST[] = {DECISION_FIELDS(X)};
static const struct field DRAW_LIST[] = {DRAW_FIELDS(X)}, OUTCOME_LIST[] = {OUTCOME_FIELDS(X)};
static const struct field CHANNEL_LIST[] = {CHANNEL_FIELDS(X)}, DETAIL_LIST[] = {DETAIL_FIELDS(X)};
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

#endif
