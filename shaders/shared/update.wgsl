// Sizes of a base step over the vec4s of each lane; what a lane's settings cost is shared by 8 vec4s an invocation.
struct Update { size4: u32, stride: u32, lanes: u32, table: u32 }
const PER_WORKGROUP = 512u;
