// Sizes of the loss: logits are [row of work][example][class], classes padded to vec4s.
struct Loss { batch: u32, classes: u32, classes4: u32, stride: u32, outcome_offset: u32 }
