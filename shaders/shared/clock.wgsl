// The step counter on the device. The first kernel of a step (gather) reads `next` and sets `step`, all others read
// `step`, and the last one (log) reads `step` and sets `next`: nobody reads what another workgroup of the same dispatch
// writes. Where a step goes through its batch in groups, gather sets `offset`, the group's first example in the batch.
struct Clock { step: u32, next: u32, offset: u32 }
