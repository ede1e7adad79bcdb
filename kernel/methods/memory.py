"""The methods of memory: untypeds, CNodes, frames, page tables and address spaces."""

from __future__ import annotations

from vectoros.kernel.methods.row import row
from vectoros.kernel.objects import Type

_DEPTH = "RangeError(1, 64): a depth is not 1 to 64"
_TARGET = "FailedLookup(0, lookup failure): index and depth lead to no slot"
_SOURCE = "FailedLookup(1, lookup failure): the source's index and depth lead to no slot"
_OCCUPIED = "DeleteFirst: the target slot holds a capability"
_EMPTY = "FailedLookup(1, 2, source depth): the source slot is empty"
_DYING = "IllegalOperation: the capability is being deleted"
_FROM_TO = (_DEPTH, _TARGET, _OCCUPIED, _SOURCE, _EMPTY)
NEW = (_DEPTH, "FailedLookup(0, lookup failure): root, index and depth lead to no slot", _OCCUPIED)
_UNDERIVABLE = (
    "RevokeFirst: the source is an untyped that has children",
    "IllegalOperation: the source cannot be copied: IRQControl, IOPortControl, ASIDControl, a"
    " page table that is not mapped, a PML4 without an ASID, or a capability that is being deleted",
)
_SPACE = "InvalidCapability(1): the address space is no PML4 that has an ASID"
PLACE = (
    _SPACE, "InvalidCapability(0): the capability is mapped in another address space",
    "InvalidArgument(0): it is mapped at another address",
    "InvalidArgument(0): the address is not that of a range below the last page of the lower half",
    "AlignmentError: the address is not a multiple of the size",
    "InvalidArgument(1): Read is not left",
)  # fmt: skip
UNREACHED = (
    "FailedLookup(0, 2, bits left): a table on the way is not there",
    "DeleteFirst: something is mapped there",
)
"""Why a mapping is refused, before and after what is said of its attributes."""

MEMORY = (
    row(
        Type.UNTYPED, 1, "Describe()", 2, "say where the memory is, and how many bytes of it are"
        " not free", results="base size_bits used device",
    ),
    row(
        Type.UNTYPED, 2, "Retype(type, size_bits, node_index, node_depth, node_offset, count,"
        " root*)", 16, "make objects, with capabilities in the slots from node_offset of the CNode"
        " at node_index and node_depth (0: root itself). size_bits counts for untypeds, CNodes"
        " (slots), frames and channels",
        "InvalidArgument(0): no object of that type can be made",
        "RangeError(0, 47): size_bits is above 47",
        "InvalidArgument(1): objects of that type do not have that size",
        "RangeError(1, 64): node_depth is above 64",
        "FailedLookup(0, lookup failure): the CNode cannot be found",
        "FailedLookup(0, 2, node_depth): what is found is no CNode",
        "RangeError(0, slots - 1): node_offset is not in the CNode",
        "RangeError(1, 256): count is not 1 to 256",
        "RangeError(1, slots left): the CNode has not so many slots from there",
        "DeleteFirst: one of the slots holds a capability",
        "NotEnoughMemory(bytes left): the objects do not fit",
        "InvalidArgument(1): device memory makes only frames and untypeds",
        audited=True,
    ),
    row(
        Type.CNODE, 1, "Revoke(index, depth)", 8, "delete every capability that was derived from"
        " the one in the slot, everywhere; preemptible", _DEPTH, _TARGET, audited=True,
    ),
    row(
        Type.CNODE, 2, "Delete(index, depth)", 8, "empty the slot; what was derived from its"
        " capability becomes its parent's. With the last capability the object ends; preemptible",
        _DEPTH, _TARGET, audited=True,
    ),
    row(
        Type.CNODE, 3, "CancelBadgedSends(index, depth)", 8, "let those who wait to send through"
        " the badge of the endpoint capability in the slot make their traps again; 0 is no"
        " badge", _DEPTH, _TARGET,
        "IllegalOperation: the slot holds no endpoint capability with all four rights",
    ),
    row(
        Type.CNODE, 4, "Copy(dest_index, dest_depth, src_index, src_depth, rights, src_root*)", 8,
        "derive a capability with at most the rights given; that of an untyped has all its memory,"
        " and the source none while it is there", *_FROM_TO, *_UNDERIVABLE, audited=True,
    ),
    row(
        Type.CNODE, 5, "Mint(dest_index, dest_depth, src_index, src_depth, rights, badge,"
        " src_root*)", 8, "as Copy, and set the badge of an endpoint or notification, or the guard"
        " of a CNode: its size in bits 0 to 5, its value above. A guard fits if it has no more bits"
        " than its size, and guard and slot number no more than 64", *_FROM_TO, *_UNDERIVABLE,
        "IllegalOperation: it has a badge, or the guard does not fit", audited=True,
    ),
    row(
        Type.CNODE, 6, "Move(dest_index, dest_depth, src_index, src_depth, src_root*)", 8,
        "move a capability, with its place in the derivation tree", *_FROM_TO, _DYING, audited=True,
    ),
    row(
        Type.CNODE, 7, "Mutate(dest_index, dest_depth, src_index, src_depth, guard, src_root*)", 8,
        "as Move, and set the guard of a CNode", *_FROM_TO, _DYING,
        "IllegalOperation: it is no CNode, and guard is not 0, or the guard does not fit",
        audited=True,
    ),
    row(
        Type.CNODE, 8, "Rotate(dest_index, dest_depth, dest_guard, pivot_index, pivot_depth,"
        " pivot_guard, src_index, src_depth, pivot_root*, src_root*)", 12,
        "move the pivot to the target and the source to the pivot, at once; source and target may"
        " be the same slot. A guard of 0 leaves a capability that is no CNode as it is",
        _DEPTH, _TARGET, _SOURCE,
        "FailedLookup(0, lookup failure): the pivot's index and depth lead to no slot",
        "IllegalOperation: the pivot is the source or the target",
        "DeleteFirst: the target is not the source, and holds a capability",
        _EMPTY, "FailedLookup(0, 2, pivot depth): the pivot slot is empty",
        "IllegalOperation: a guard does not fit, or a capability is being deleted", audited=True,
    ),
    row(
        Type.FRAME, 1, "Map(vaddr, rights, attributes, vspace*)", 12, "map the page, readable, as"
        " rights and capability must permit; writable if both have Write, executable if bit 0 of"
        " attributes is set; or change a mapping at the same address", *PLACE,
        "InvalidArgument(2): it would be writable and executable, or a device's and executable",
        *UNREACHED, audited=True,
    ),
    row(Type.FRAME, 2, "Unmap()", 8, "take the mapping away, if there is one", audited=True),
    row(Type.FRAME, 3, "GetAddress()", 2, "say the physical address", results="paddr"),
    *(
        entry
        for kind in (Type.PDPT, Type.PD, Type.PT)
        for entry in (
            row(
                kind, 1, "Map(vaddr, vspace*)", 12, "put the table where vaddr needs one",
                "InvalidCapability(0): the table is mapped", _SPACE,
                "InvalidArgument(0): the address is not in the lower half",
                *UNREACHED[kind is Type.PDPT :], audited=True,  # the PML4 is always there
            ),
            row(
                kind, 2, "Unmap()", 12, "take the table, and what is mapped through it, away",
                "RevokeFirst: there is another capability to the table", audited=True,
            ),
        )
    ),
    row(
        Type.ASID_CONTROL, 1, "MakePool(index, depth, untyped*, root*)", 16, "make an untyped of"
        " 4 KiB a pool of 512 address space identifiers", "DeleteFirst: there are 8 pools",
        "InvalidCapability(1): no untyped of RAM, 4 KiB", "RevokeFirst: the untyped has children",
        *NEW, audited=True,
    ),
    row(
        Type.ASID_POOL, 1, "Assign(vspace*)", 8, "give a PML4 an identifier, so that things can be"
        " mapped in it", "InvalidCapability(1): no PML4, or one that has had an identifier",
        "DeleteFirst: the pool is full", audited=True,
    ),
)  # fmt: skip
