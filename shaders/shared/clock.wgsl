// The step counter on the device. The first kernel of a step reads `next` and sets `step`, all others read `step`, and
// the last one reads `step` and sets `next`: nobody reads what another workgroup of the same dispatch writes.
struct Clock { step: u32, next: u32 }
