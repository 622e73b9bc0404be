// Sizes of an operation on each value by itself, in vec4s of a batch.
struct Add { size4: u32, in_by_data: u32 }
