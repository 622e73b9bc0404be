// The weights of a tile (tile.wgsl), shared by a subgroup of 8: of 4 rows, two vec4s side by side. Lane 2 k + h loads vec4 h
// of row k, and all hand theirs round: on a software adapter the number of loads decides.
struct Pair { first: mat4x4f, second: mat4x4f }
var<private> own: array<u32, 4>;                             // the address of what this lane loads of each pair
var<private> lane: u32;

fn aim(j: u32, start: u32, column: u32, columns: u32, apart: u32) {
  own[j] = start + lane / 2u * g.out_channels4 + min(column + 2u * j + lane % 2u, columns - 1u) * apart;
}
fn pair(j: u32) -> Pair {
  let m = weights[own[j]];
  return Pair(
    mat4x4f(subgroupBroadcast(m, 0u), subgroupBroadcast(m, 2u), subgroupBroadcast(m, 4u), subgroupBroadcast(m, 6u)),
    mat4x4f(subgroupBroadcast(m, 1u), subgroupBroadcast(m, 3u), subgroupBroadcast(m, 5u), subgroupBroadcast(m, 7u)),
  );
}
