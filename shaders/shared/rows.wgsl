// The z axis of a dispatch: which weights, which batch, which scratch memory and which lane a row works with.
struct Row { weights: u32, data: u32, work: u32, lane: u32 }
struct Rows { row: array<Row, 256> }
