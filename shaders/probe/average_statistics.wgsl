// The mean over batches of batch norm's statistics, as torch.optim.swa_utils.update_bn computes it: batch t moves the mean by
// (batch - mean) / (t + 1). Closes a batch: it moves the clock on.
#import shared/rows
#import shared/clock

struct AverageStatistics { size4: u32 }

@group(0) @binding(0) var<uniform> p: AverageStatistics;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> batch: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> clock: Clock;
@group(0) @binding(4) var<storage, read_write> mean: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  if id.x == 0u && wg.z == 0u { clock.next = clock.step + 1u; }
  if id.x >= p.size4 { return; }
  let i = rows.row[wg.z].lane * p.size4 + id.x;
  let before = mean[i];
  // The first batch replaces what lies there, which may be a NaN of another network.
  mean[i] = select(before + (batch[i] - before) / f32(clock.step + 1u), batch[i], clock.step == 0u);
}
