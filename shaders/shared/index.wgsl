// A grid has at most 65,535 workgroups in a direction; longer ones go on in y, where the host folds them.
fn workgroup_index(wg: vec3u, groups: vec3u) -> u32 { return wg.y * groups.x + wg.x; }
