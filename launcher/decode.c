/*
 * The check of a plan before its first op runs: every offset and jump of it, and that its loops end.
 *
 * Trusts: nothing of the plan's bytes. What is true after it holds until the end: ops lie apart from the data that they write to.
 */
/* Whether [offset, offset + length) lies in [0, size). */
static int inside(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

static int valid_op(const struct plan_op *op, uint32_t index)
{
	if (op->code >= OP_COUNT || !inside(op->from, 1, header->data_size)) return 0;
	for (int i = 0; i < 6; i++) {
		int kind = op->kinds >> (2 * i) & 3;
		if (kind == KIND_REGISTER && op->args[i] > 255) return 0;
		if (kind == KIND_DATA && !inside(op->args[i], 1, header->data_size)) return 0;
		if (kind > KIND_DATA) return 0;
	}
	switch (op->code) {
	case OP_CLONE:
		return (op->kinds >> 4 & 3) == KIND_IMMEDIATE && op->args[2] > index && op->args[2] < header->op_count;
	case OP_JUMP: case OP_JUMP_ERROR: case OP_JUMP_SET:
		return (op->kinds & 3) == KIND_IMMEDIATE && op->args[0] > index && op->args[0] < header->op_count;
	case OP_LOAD: case OP_STORE: {
		int size = op->code == OP_LOAD ? 1 : 2;
		uint64_t bytes = op->args[size];
		return (op->kinds & 3) == KIND_DATA && !(op->kinds >> (2 * size) & 3)
			&& (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8) && inside(op->args[0], bytes, header->data_size - 8);
	}
	case OP_EACH:
		return (op->kinds & 63) == KIND_DATA && !(op->args[0] & 7) && op->args[1] <= PLAN_MAX_OPS && inside(op->args[0], op->args[1] * 8, header->data_size)
			&& op->args[2] > index && op->args[2] < header->op_count;
	case OP_SAME:
		return (op->kinds & 63) == (KIND_DATA | KIND_DATA << 2) && inside(op->args[0], op->args[2], header->data_size) && inside(op->args[1], op->args[2], header->data_size);
	case OP_TELL:
		return (op->kinds & 0xfff) == (KIND_DATA | KIND_DATA << 2 | KIND_DATA << 8) && op->args[3] < TELL_COUNT && op->args[2] >= EVENT_HEAD
			&& inside(op->args[1], op->args[2], header->data_size - 8) && inside(op->args[4], op->args[5], header->data_size);
	case OP_DECIMAL:
		return (op->kinds & 3) == KIND_DATA && inside(op->args[0], 24, header->data_size - 8);
	case OP_EXECUTE: /* the pointer arrays end with the data at the latest: the last eight bytes are zero, checked below, and no op writes there */
		return (op->kinds & 63) == (KIND_DATA | KIND_DATA << 2 | KIND_DATA << 4) && !((op->args[0] | op->args[1] | op->args[2]) & 7);
	case OP_SUPERVISE:
		return (op->kinds >> 10 & 3) == KIND_DATA && !(op->args[5] & 7) && inside(op->args[5], sizeof(struct plan_watch), header->data_size - 8);
	case OP_KEEP:
		return (op->kinds >> 10 & 3) == KIND_DATA && !(op->args[5] & 7) && inside(op->args[5], sizeof(struct plan_keep), header->data_size - 8)
			&& (op->kinds & 51) == KIND_DATA && !(op->args[0] & 7) && op->args[2] > 0 && op->args[2] <= 128 && inside(op->args[0], op->args[2] * 8, header->data_size);
	case OP_CLIENT:
		return (op->kinds >> 10 & 3) == KIND_DATA && !(op->args[5] & 7) && inside(op->args[5], sizeof(struct plan_client), header->data_size - 8);
	case OP_FORWARD:
		return (op->kinds & 15) == KIND_DATA && !(op->args[0] & 7) && op->args[1] > 0 && op->args[1] <= PLAN_MAX_PORTS && inside(op->args[0], op->args[1] * 4, header->data_size);
	default:
		return 1;
	}
}

/* Checks every offset of the plan at `base` of which `available` bytes are mapped, then turns data offsets into addresses. */
static int decode(uint8_t *base, uint64_t available)
{
	header = (struct plan_header *)base;
	if (available < sizeof *header || header->magic != PLAN_MAGIC || header->version != PLAN_VERSION) return 0;
	if (header->size > available || header->size > PLAN_MAX_SIZE || header->op_count == 0 || header->op_count > PLAN_MAX_OPS) return 0;
	if ((header->op_offset | header->data_offset | header->data_size) & 7 || header->relocation_offset & 3 || header->data_size < 8) return 0;
	/* In this order and apart, so that nothing that is written to the data changes an op that was checked. */
	uint64_t ops_end = header->op_offset + (uint64_t)header->op_count * sizeof(struct plan_op);
	uint64_t relocations_end = header->relocation_offset + (uint64_t)header->relocation_count * 4;
	if (header->op_offset < sizeof *header || header->relocation_offset < ops_end || header->data_offset < relocations_end) return 0;
	if (!inside(header->data_offset, header->data_size, header->size)) return 0;
	ops = (struct plan_op *)(base + header->op_offset);
	data = base + header->data_offset;
	if (*(uint64_t *)(data + header->data_size - 8)) return 0;
	if (header->on_failure >= header->op_count || ops[header->op_count - 1].code != OP_EXIT) return 0;
	uint32_t loop_end = 0;
	for (uint32_t i = 0; i < header->op_count; i++) {
		if (!valid_op(&ops[i], i)) return 0;
		/* Loops do not nest, so that a plan takes at most op_count * PLAN_MAX_OPS steps. */
		if (ops[i].code == OP_EACH && i < loop_end) return 0;
		if (ops[i].code == OP_EACH) loop_end = (uint32_t)ops[i].args[2];
	}
	uint32_t *relocations = (uint32_t *)(base + header->relocation_offset);
	for (uint32_t i = 0; i < header->relocation_count; i++) {
		if (relocations[i] & 7 || !inside(relocations[i], 8, header->data_size - 8)) return 0;
		uint64_t *cell = (uint64_t *)(data + relocations[i]);
		if (!inside(*cell, 1, header->data_size)) return 0;
		*cell += (uint64_t)(uintptr_t)data;
	}
	return 1;
}
