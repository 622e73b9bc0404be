// The weights of a tile (tile.wgsl), loaded by each invocation: of 4 rows, two vec4s side by side.
struct Pair { first: mat4x4f, second: mat4x4f }
var<private> own: array<u32, 4>;                             // the address of each pair's first vec4 in the first row
var<private> beside: array<u32, 4>;                          // how far its neighbour is; 0 beyond the last

fn aim(j: u32, start: u32, column: u32, columns: u32, apart: u32) {
  let first = min(column + 2u * j, columns - 1u);
  own[j] = start + first * apart;
  beside[j] = (min(first + 1u, columns - 1u) - first) * apart;
}
fn pair(j: u32) -> Pair {
  let n = g.out_channels4;
  let p = own[j];
  let q = p + beside[j];
  return Pair(
    mat4x4f(weights[p], weights[p + n], weights[p + 2u * n], weights[p + 3u * n]),
    mat4x4f(weights[q], weights[q + n], weights[q + 2u * n], weights[q + 3u * n]),
  );
}
