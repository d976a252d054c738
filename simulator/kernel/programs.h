/* Programs as Python holds them: steps, constants and memory in one block, checked when they are made. */

#ifndef XBOPT_PROGRAMS_H
#define XBOPT_PROGRAMS_H

#include "arrays.h"
#include "kernel.h"
#include "program.h"

#include <stdlib.h>

enum { MOST_TENSORS = 64, MOST_ROWS = 1 << 22 }; /* of a memory below 2^31 numbers; products stay below 2^63 */
static const char *const PROGRAM = "xbopt.program";

/* An input or output: where it lies in the memory, how many numbers of a row it holds, and what it is outside. */
struct tensor {
    int64_t at, count, by_row, is_whole;
};

/* Whoever runs a program holds the interpreter's lock, so that one memory serves all threads. */
struct program {
    const struct runner *runner;
    const struct step *steps;
    ptrdiff_t count;
    const struct tensor *tensors;
    int inputs, outputs;
    double *memory;
};

static const struct level *level_named(const char *name);

static const struct runner *runner_named(const char *name)
{
#ifdef XBOPT_X86_LEVELS
    static const struct runner *const runners[] = {&runner_avx512, &runner_avx2, &runner_baseline};
#else
    static const struct runner *const runners[] = {&runner_baseline};
#endif
    const struct runner *found = NULL;
    if (level_named(name)) /* of those that this machine has */
        for (int i = 0; !found; ++i)
            found = strcmp(runners[i]->name, name) ? NULL : runners[i];
    return found;
}

/* Whether all that a step touches lies in the memory, and nothing that it writes among the constants. */
static int is_inside(const struct step *step, int64_t constants, int64_t total)
{
    const struct operand *operand = &step->to;
    for (int i = 0; i < 4; ++i)
        if (step->length[i] < 1 || step->length[i] > total)
            return 0;
    for (int which = 0; which < 4; ++which, ++operand) {
        int64_t last = operand->at;
        if (last < (which ? 0 : constants) || last >= total)
            return 0;
        for (int i = 0; i < 4; ++i) {
            if (operand->stride[i] < 0 || operand->stride[i] > total)
                return 0;
            last += (step->length[i] - 1) * operand->stride[i]; /* at most total squared, far from the end of int64 */
            if (last >= total)
                return 0;
        }
    }
    /* From here on entries of a line lie side by side, but for what is gathered. */
    const int lines = step->operation >= FIRST_OF_LINES;
    const int product = step->operation == MULTIPLY, gathered = step->operation == GATHER;
    if (lines && (step->to.stride[3] != 1 || (!gathered && !product && step->a.stride[3] != 1)
                  || (product && (step->a.stride[2] != 1 || step->b.stride[3] != 1))))
        return 0;
    return step->operation >= 0 && step->operation < NUMBER_OF_OPERATIONS;
}

static void free_program(PyObject *capsule)
{
    free(PyCapsule_GetPointer(capsule, PROGRAM));
}

/* program(level, steps, fixed, constants, tensors, inputs, total): so many steps first depend on constants alone. */
static PyObject *new_program(PyObject *module, PyObject *args)
{
    const char *name;
    PyObject *step_array, *constant_array, *tensor_array, *capsule = NULL;
    Py_ssize_t fixed, total;
    int inputs;
    struct views views = {.count = 0};
    (void)module;
    if (!PyArg_ParseTuple(args, "sOnOOin", &name, &step_array, &fixed, &constant_array, &tensor_array, &inputs, &total))
        return NULL;
    const struct runner *runner = runner_named(name);
    if (!runner)
        return NULL;
    const void *steps = hold(&views, step_array, -1, PyBUF_SIMPLE, "steps");
    const void *constants = steps ? hold(&views, constant_array, -1, PyBUF_SIMPLE, "constants") : NULL;
    const struct tensor *tensors = constants ? hold(&views, tensor_array, -1, PyBUF_SIMPLE, "tensors") : NULL;
    if (!tensors)
        goto done;
    const size_t bytes = (size_t)views.view[0].len, of_tensors = (size_t)views.view[2].len;
    const int64_t numbers = views.view[1].len / 8;
    const ptrdiff_t count = (ptrdiff_t)(bytes / sizeof(struct step));
    const int all = (int)(of_tensors / sizeof(struct tensor));
    int fits = bytes % sizeof(struct step) == 0 && of_tensors % sizeof(struct tensor) == 0 && total > numbers
        && total < (Py_ssize_t)1 << 31 && fixed >= 0 && fixed <= count && all <= MOST_TENSORS
        && inputs >= 0 && inputs <= all;
    for (ptrdiff_t i = 0; fits && i < count; ++i)
        fits = is_inside((const struct step *)steps + i, numbers, total);
    for (int i = 0; fits && i < all; ++i)
        fits = tensors[i].count >= 0 && tensors[i].at >= (i < inputs ? numbers : 0) && tensors[i].count <= total
            && tensors[i].at <= total - tensors[i].count;
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "The steps of the program do not fit its memory.");
        goto done;
    }
    struct program *made = calloc(1, sizeof *made + bytes + of_tensors + (size_t)total * sizeof(double));
    if (!made) {
        PyErr_NoMemory();
        goto done;
    }
    char *at = (char *)(made + 1);
    memcpy(at, steps, bytes);
    memcpy(at + bytes, tensors, of_tensors);
    double *memory = (double *)(void *)(at + bytes + of_tensors);
    memcpy(memory, constants, (size_t)numbers * sizeof(double));
    *made = (struct program){
        .runner = runner, .steps = (const struct step *)(void *)at + fixed, .count = count - fixed,
        .tensors = (const struct tensor *)(void *)(at + bytes), .inputs = inputs, .outputs = all - inputs,
        .memory = memory,
    };
    if (runner->run((const struct step *)(void *)at, fixed, memory) < fixed) {
        PyErr_SetString(PyExc_IndexError, "A step of the program names a place that there is not.");
        free(made);
        goto done;
    }
    if (!(capsule = PyCapsule_New(made, PROGRAM, free_program)))
        free(made);
done:
    release(&views);
    return capsule;
}

static void bring_in(const struct tensor *tensor, const char *from, int64_t row, double *memory)
{
    const void *at = from + (tensor->by_row ? row * tensor->count * 8 : 0);
    double *to = memory + tensor->at;
    if (!tensor->is_whole)
        memcpy(to, at, (size_t)tensor->count * sizeof(double));
    else
        for (int64_t i = 0; i < tensor->count; ++i) {
            int64_t number;
            memcpy(&number, (const char *)at + 8 * i, sizeof number);
            to[i] = (double)number;
        }
}

static void bring_out(const struct tensor *tensor, char *to, int64_t row, const double *memory)
{
    char *at = to + row * tensor->count * 8;
    const double *from = memory + tensor->at;
    if (!tensor->is_whole)
        memcpy(at, from, (size_t)tensor->count * sizeof(double));
    else
        for (int64_t i = 0; i < tensor->count; ++i) {
            const int64_t number = whole_number(from[i]);
            memcpy(at + 8 * i, &number, sizeof number);
        }
}

/* run(program, inputs, outputs, rows): outputs lie one after the other, each with all of its rows. */
static PyObject *run_program(PyObject *module, PyObject *args)
{
    PyObject *capsule, *arrays, *outputs;
    Py_ssize_t rows;
    struct views views = {.count = 0};
    ptrdiff_t done = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "OO!On", &capsule, &PyTuple_Type, &arrays, &outputs, &rows))
        return NULL;
    const struct program *program = PyCapsule_GetPointer(capsule, PROGRAM);
    if (!program)
        return NULL;
    if (rows < 0 || rows > MOST_ROWS || PyTuple_Size(arrays) != program->inputs)
        return PyErr_Format(PyExc_ValueError, "%d inputs of at most %d rows are wanted.", program->inputs, MOST_ROWS);
    const struct tensor *tensors = program->tensors, *made = tensors + program->inputs;
    const char *from[MOST_TENSORS];
    for (int i = 0; i < program->inputs; ++i)
        if (!(from[i] = hold(&views, PyTuple_GetItem(arrays, i), tensors[i].count * (tensors[i].by_row ? rows : 1),
                             PyBUF_C_CONTIGUOUS, "an input")))
            goto failed;
    Py_ssize_t numbers = 0;
    for (int i = 0; i < program->outputs; ++i)
        numbers += made[i].count * rows;
    char *to = hold(&views, outputs, numbers, PyBUF_WRITABLE, "outputs");
    if (!to)
        goto failed;
    for (Py_ssize_t row = 0; row < rows; ++row) {
        for (int i = 0; i < program->inputs; ++i)
            if (row == 0 || tensors[i].by_row)
                bring_in(tensors + i, from[i], row, program->memory);
        done = program->runner->run(program->steps, program->count, program->memory);
        if (done < program->count) {
            PyErr_Format(PyExc_IndexError, "Step %zd of the program names a place that there is not.", done);
            goto failed;
        }
        char *at = to;
        for (int i = 0; i < program->outputs; ++i) {
            bring_out(made + i, at, row, program->memory);
            at += made[i].count * rows * 8;
        }
    }
    release(&views);
    return Py_NewRef(Py_None);
failed:
    release(&views);
    return NULL;
}

/* The names of the operations, in the order of their numbers. */
static int add_operations(PyObject *module)
{
#define X(name) #name,
    static const char *const names[] = {OPERATIONS(X)};
#undef X
    PyObject *tuple = PyTuple_New(NUMBER_OF_OPERATIONS);
    for (int i = 0; tuple && i < NUMBER_OF_OPERATIONS; ++i)
        PyTuple_SetItem(tuple, i, PyUnicode_FromString(names[i]));
    const int failed = !tuple || PyErr_Occurred() || PyModule_AddObjectRef(module, "OPERATIONS", tuple);
    Py_XDECREF(tuple);
    return failed ? -1 : 0;
}

#endif
