/* What Python holds of the kernel between calls: a market, and what differs by world. */

#ifndef XBOPT_PACKS_H
#define XBOPT_PACKS_H

#include "arrays.h"

#include <stdlib.h>

enum { MARKET, WORLDS };
enum { LONGEST_AXIS = 1 << 15, MOST_NUMBERS = 1 << 28 };
static const char *const CAPSULES[] = {"xbopt.market", "xbopt.worlds"};

static void free_market(PyObject *capsule)
{
    free(PyCapsule_GetPointer(capsule, CAPSULES[MARKET]));
}

/* Numbers of one world in all fields of a list. */
static Py_ssize_t rows_of(const struct sizes *size, const struct field *list, int length)
{
    Py_ssize_t rows = 0;
    for (int i = 0; i < length; ++i)
        rows += entries(size, list[i].axes);
    return rows;
}

/* Whether a market has the lengths that the kernel counts on, and so few numbers that no product of them overflows. */
static int sizes_fit(const struct sizes *size)
{
    for (int i = 0; i < LENGTH(SIZE_LETTERS); ++i)
        if (((const int *)size)[i] < 0 || ((const int *)size)[i] > LONGEST_AXIS)
            return 0;
    return size->R > 0 && size->Q > 0 && size->L == BUCKETS && size->J == KNOWN && size->D == STAGES
        && size->V == TERMS && size->E == 2 && size->O == (size->Q > 1 ? size->Q : 0) && (size->A > 0 || size->W == 0)
        && rows_of(size, MARKET_LIST, LENGTH(MARKET_LIST)) <= MOST_NUMBERS
        && rows_of(size, STATE_LIST, LENGTH(STATE_LIST)) <= MOST_NUMBERS
        && rows_of(size, OUTCOME_LIST, LENGTH(OUTCOME_LIST)) <= MOST_NUMBERS && entries(size, "RSAW") <= MOST_NUMBERS;
}

/* Whether each of some numbers names one of so many places. */
static int names_places(const double *at, int count, int places)
{
    for (int i = 0; i < count; ++i)
        if (!(at[i] >= 0.0 && at[i] < places))
            return 0;
    return 1;
}

/* Whether all places that a market's arrays name are there. */
static int places_fit(const struct market *m)
{
    const struct sizes *size = &m->size;
    for (int r = 0; r < size->R; ++r)
        if (m->limited[r] != 0.0 && !(m->lead_days[r] >= 1.0 && m->lead_days[r] <= size->N))
            return 0;
    return names_places(m->region_currency, size->R, size->K) && names_places(m->rule_currency, size->R, size->K)
        && names_places(m->fee_currency, size->F * size->R, size->K) && names_places(m->windowed, size->W, size->C)
        && names_places(m->pair_first, size->P, size->C) && names_places(m->pair_second, size->P, size->C)
        && names_places(m->segment_by_id, size->S, size->S);
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
    for (int i = 0; i < LENGTH(SIZE_LETTERS); ++i) {
        const long length = PyLong_AsLong(PyTuple_GetItem(lengths, i));
        ((int *)&size)[i] = length < 0 || length > LONGEST_AXIS ? -1 : (int)length;
    }
    if (PyErr_Occurred())
        return NULL;
    if (!sizes_fit(&size))
        return PyErr_Format(PyExc_ValueError, "The sizes are those of no market.");
    if (hold_all(&views, arrays, MARKET_LIST, LENGTH(MARKET_LIST), &size, 1, from))
        goto done;
    const size_t numbers = (size_t)rows_of(&size, MARKET_LIST, LENGTH(MARKET_LIST));
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
    if (!places_fit(made))
        PyErr_SetString(PyExc_ValueError, "An array of the market names a place that is not there.");
    else
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
    struct sizes size; /* of their market */
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
    made->size = m->size;
    struct factor *factor = &made->factors.elasticity;
    for (int i = 0; i < LENGTH(WORLD_LIST); ++i, ++factor) {
        const char *axes = WORLD_LIST[i].axes;
        factor->at = hold(&made->views, PyTuple_GetItem(arrays, i), -1, PyBUF_F_CONTIGUOUS, WORLD_LIST[i].name);
        if (!factor->at)
            goto failed;
        const Py_buffer *view = &made->views.view[made->views.count - 1];
        int fits = view->ndim == 1 + (int)strlen(axes) && view->itemsize == 8 && view->shape[0] > 0;
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

#endif
