/* Memory for what a day leaves behind. A day's arrays are megabytes that die a day later: given back to the system, the
 * next day would touch every page anew, which takes as long as the day itself. So the last few blocks are kept. */

#ifndef XBOPT_BLOCKS_H
#define XBOPT_BLOCKS_H

#include "arrays.h"

#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

enum { KEPT_BLOCKS = 4, BLOCK_ALIGNMENT = 64 };
static const Py_ssize_t LARGEST_KEPT = (Py_ssize_t)16 << 20; /* bytes; larger blocks go back to the system */

/* An object that others see as bytes. */
struct block {
    PyObject_HEAD
    void *memory;
    Py_ssize_t bytes, room;
};

/* Memory that nobody uses; the interpreter's lock guards it. */
static struct {
    void *memory;
    Py_ssize_t room;
} spare[KEPT_BLOCKS];

/* Memory of the system, on large pages where a block fills some: its rows lie far apart, and each would miss the table
 * of small ones. */
static void *new_memory(size_t bytes)
{
#ifdef __linux__
    const size_t page = (size_t)2 << 20;
    void *memory;
    if (bytes >= page && posix_memalign(&memory, page, bytes) == 0) {
        (void)madvise(memory, bytes / page * page, MADV_HUGEPAGE); /* a wish: without it the block is as good */
        return memory;
    }
#endif
    return malloc(bytes);
}

static void *take_spare(Py_ssize_t bytes, Py_ssize_t *room)
{
    int best = -1; /* the smallest that is large enough: a day's blocks are of several sizes, and each needs its own */
    for (int i = 0; i < KEPT_BLOCKS; ++i)
        if (spare[i].memory && spare[i].room >= bytes && spare[i].room <= bytes + bytes / 4
            && (best < 0 || spare[i].room < spare[best].room))
            best = i;
    if (best < 0)
        return NULL;
    void *memory = spare[best].memory;
    *room = spare[best].room;
    spare[best].memory = NULL;
    return memory;
}

static void free_block(PyObject *object)
{
    struct block *block = (struct block *)(void *)object;
    static int oldest;
    if (block->memory && block->room <= LARGEST_KEPT) {
        int place = 0;
        while (place < KEPT_BLOCKS && spare[place].memory)
            ++place;
        if (place == KEPT_BLOCKS) {
            place = oldest;
            oldest = (oldest + 1) % KEPT_BLOCKS;
        }
        free(spare[place].memory);
        spare[place].memory = block->memory;
        spare[place].room = block->room;
    } else
        free(block->memory);
    PyTypeObject *type = Py_TYPE(object);
    PyObject_Free(object);
    Py_DECREF(type);
}

static int see_block(PyObject *object, Py_buffer *view, int flags)
{
    struct block *block = (struct block *)(void *)object;
    return PyBuffer_FillInfo(view, object, (char *)block->memory + (BLOCK_ALIGNMENT - (uintptr_t)block->memory
                                                                     % BLOCK_ALIGNMENT), block->bytes, 0, flags);
}

static PyType_Slot block_slots[] = {
    {Py_tp_dealloc, (void *)free_block}, {Py_bf_getbuffer, (void *)see_block}, {0, NULL},
};
static PyType_Spec block_spec = {
    "xbopt.simulator.kernel._native.Block", (int)sizeof(struct block), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, block_slots,
};
static PyObject *block_type;

/* block(bytes): memory to be written, its contents unknown. */
static PyObject *new_block(PyObject *module, PyObject *args)
{
    Py_ssize_t bytes;
    (void)module;
    if (!PyArg_ParseTuple(args, "n", &bytes))
        return NULL;
    if (bytes < 0)
        return PyErr_Format(PyExc_ValueError, "A block of %zd bytes is asked for.", bytes);
    struct block *block = PyObject_New(struct block, (PyTypeObject *)block_type);
    if (!block)
        return NULL;
    block->bytes = bytes;
    block->memory = take_spare(bytes, &block->room);
    if (!block->memory) {
        block->room = bytes;
        block->memory = new_memory((size_t)bytes + BLOCK_ALIGNMENT);
    }
    if (!block->memory) {
        Py_DECREF(block);
        return PyErr_NoMemory();
    }
    return (PyObject *)block;
}

#endif
