// Closes a slice of a sweep: the mean loss and the accuracy of each row's evaluation, from its records in the ring added up
// in order, go to the place of the row's point. That place is the fourth of the row's factors; below 0 there is none.
#import shared/rows
#import shared/record

struct SweepMeans { batches: u32, lanes: u32, points: u32 }

@group(0) @binding(0) var<uniform> p: SweepMeans;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> factors: array<vec4f>;          // three factors and the place of each row's point
@group(0) @binding(3) var<storage, read> ring: array<Record>;            // [batch][lane]
@group(0) @binding(4) var<storage, read_write> means: array<vec2f>;      // loss, accuracy of each point

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) wg: vec3u) {
  let r = rows.row[wg.z];
  let place = factors[r.weights].w;
  if place < 0.0 || u32(place) >= p.points { return; }
  var sum = vec4f(0.0);
  for (var b = 0u; b < p.batches; b++) {
    let i = b * p.lanes + r.lane;
    sum += ring[i].clean + ring[i].flipped;
  }
  means[u32(place)] = sum.xy / sum.w;
}
