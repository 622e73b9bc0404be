// Sizes of a flattening: images of `channels4` vec4s a pixel, rows of `features4` vec4s.
struct Flatten { batch: u32, pixels: u32, channels: u32, channels4: u32, features4: u32, in_by_data: u32 }
