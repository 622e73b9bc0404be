//! Live pictures as they are on the device: what they show, where they show it, and (by hand) how they look.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use lowland::gpu::Gpu;
use lowland::probe::Examples;
use lowland::train::Trainer;
use lowland::view::{Field, FieldPainter, FieldStyle, HeightScale, Sweep, Terrain, TerrainCamera, TerrainStyle};
use lowland_tests::any_gpu;
use lowland_tests::training::{Job, LONG, follow};
use serde_json::json;
use std::time::{Duration, Instant};

const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

fn texture(gpu: &Gpu, [width, height]: [u32; 2]) -> wgpu::Texture {
    use wgpu::TextureUsages as Usage;
    gpu.device().create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: Usage::COPY_SRC | Usage::COPY_DST | Usage::TEXTURE_BINDING | Usage::RENDER_ATTACHMENT,
        view_formats: &[],
    })
}

/// The pixels of a texture whose width is a multiple of 64.
fn pixels(gpu: &Gpu, texture: &wgpu::Texture) -> Vec<[u8; 4]> {
    let (width, height) = (texture.width(), texture.height());
    let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(4 * width * height),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * width), rows_per_image: None };
    let to = wgpu::TexelCopyBufferInfo { buffer: &buffer, layout };
    encoder.copy_texture_to_buffer(texture.as_image_copy(), to, texture.size());
    gpu.queue().submit([encoder.finish()]);
    let bytes = pollster::block_on(gpu.read(&buffer, 0, buffer.size())).unwrap();
    gpu.check().unwrap();
    bytes.chunks_exact(4).map(|pixel| [pixel[0], pixel[1], pixel[2], pixel[3]]).collect()
}

fn style(dark: bool) -> FieldStyle {
    if dark {
        FieldStyle {
            classes: vec![[0.37, 0.25, 0.51], [0.33, 0.47, 0.24]],
            neutral: [0.10, 0.15, 0.16],
            line: [0.95, 0.97, 0.96, 1.0],
            line_width: 1.5,
            isolines: 0.15,
        }
    } else {
        FieldStyle {
            classes: vec![[0.79, 0.72, 0.88], [0.80, 0.89, 0.70]],
            neutral: [0.98, 0.98, 0.96],
            line: [0.10, 0.15, 0.16, 1.0],
            line_width: 1.5,
            isolines: 0.15,
        }
    }
}

/// The loss on the plane through start, SGD and SAM: a and b from -0.4 to 1.4.
fn plane(side: usize) -> Vec<[f32; 3]> {
    let place = |i: usize| -0.4 + 1.8 * i as f32 / (side - 1) as f32;
    (0..side * side).map(|i| (place(i % side), place(i / side))).map(|(a, b)| [1.0 - a - b, a, b]).collect()
}

fn save(gpu: &Gpu, texture: &wgpu::Texture, name: &str) {
    let folder = std::env::temp_dir().join("lowland-pictures");
    std::fs::create_dir_all(&folder).unwrap();
    let (width, height) = (texture.width(), texture.height());
    let dark = name.contains("dark");
    let page: [f32; 3] = if dark { [19.0, 32.0, 36.0] } else { [254.0, 254.0, 249.0] };
    let over = |[r, g, b, a]: [u8; 4]| {
        let rest = 1.0 - f32::from(a) / 255.0;
        [r, g, b]
            .into_iter()
            .zip(page)
            .map(|(c, page)| (f32::from(c) + rest * page).min(255.0) as u8)
            .collect::<Vec<u8>>()
    };
    let rgb: Vec<u8> = pixels(gpu, texture).into_iter().flat_map(over).collect();
    image::save_buffer(folder.join(name), &rgb, width, height, image::ColorType::Rgb8).unwrap();
}

/// A terrain of `losses`, drawn alone.
fn drawn(gpu: &Gpu, terrain: &mut Terrain, losses: &[f32], size: [u32; 2], style: &TerrainStyle) -> Vec<[u8; 4]> {
    let side = losses.len().isqrt();
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let bytes = 8 * losses.len() as u64;
    let descriptor = wgpu::BufferDescriptor { label: None, size: bytes, usage, mapped_at_creation: false };
    let buffer = gpu.device().create_buffer(&descriptor);
    let pairs: Vec<[f32; 2]> = losses.iter().map(|loss| [*loss, 0.5]).collect();
    gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(&pairs));
    let picture = texture(gpu, size);
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let view = picture.create_view(&Default::default());
    terrain.draw(gpu, &mut encoder, &view, size, &buffer, side, style).unwrap();
    gpu.queue().submit([encoder.finish()]);
    pixels(gpu, &picture)
}

const SIZE: [u32; 2] = [320, 240];

fn at(pixels: &[[u8; 4]], [x, y]: [f32; 2]) -> [u8; 4] {
    let inside = (0.0..SIZE[0] as f32).contains(&x) && (0.0..SIZE[1] as f32).contains(&y);
    if inside { pixels[y as usize * SIZE[0] as usize + x as usize] } else { [0; 4] }
}

fn brightness(pixel: [u8; 4]) -> f32 {
    pixel[..3].iter().map(|c| f32::from(*c)).sum()
}

/// Cameras all around, near and far, with perspective and without.
fn cameras() -> Vec<TerrainCamera> {
    let tilted = TerrainCamera::default();
    let mut cameras = vec![TerrainCamera::top(), tilted, TerrainCamera { pan: [0.2, -0.1], zoom: 0.7, ..tilted }];
    cameras.extend([1.9f32, 3.4, 5.2].map(|azimuth| TerrainCamera {
        azimuth,
        elevation: 0.9,
        perspective: 0.0,
        ..tilted
    }));
    cameras
}

/// The same adapter, said to be a GPU: with finer meshes and several samples a pixel.
fn as_if_hardware(gpu: &Gpu) -> Gpu {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let adapter = adapters.into_iter().find(|adapter| adapter.get_info().name == gpu.info().name).unwrap();
    let (device, queue) = pollster::block_on(adapter.request_device(&Gpu::device_descriptor(&adapter))).unwrap();
    let info = wgpu::AdapterInfo { device_type: wgpu::DeviceType::DiscreteGpu, ..adapter.get_info() };
    Gpu::from_parts(info, device, queue, Some(gpu.family()))
}

#[test]
fn a_camera_projects_where_the_device_draws() {
    let Some(gpu) = any_gpu() else { return };
    projects_where_it_draws(gpu);
    let hardware = as_if_hardware(gpu);
    assert!(!hardware.is_software());
    projects_where_it_draws(&hardware);
}

fn projects_where_it_draws(gpu: &Gpu) {
    let size = SIZE.map(|n| n as f32);
    let scale = HeightScale::new(false, 0.0, 1.0);
    let terrain = &mut Terrain::new(gpu, FORMAT);
    for camera in cameras() {
        // A plain: covered within a pixel or two of the two rear edges, and nothing beyond them.
        let style = TerrainStyle { levels: 0.0, ..TerrainStyle::new(camera, scale, true) };
        let plain = drawn(gpu, terrain, &[0.5; 25], SIZE, &style);
        let height = scale.of(0.5).unwrap();
        let rear = [camera.azimuth.sin(), -camera.azimuth.cos()].map(|v: f32| -v.signum());
        let project = |x: f32, y: f32| camera.project(size, [x, y, height]).0;
        for i in 1..20 {
            let along = -1.0 + 0.1 * i as f32;
            for (x, y) in [(rear[0], along), (along, rear[1])] {
                let inner = project(0.97 * x, 0.97 * y);
                let edge = project(x, y);
                let step = [edge[0] - inner[0], edge[1] - inner[1]];
                let length = step[0].hypot(step[1]).max(1e-3);
                let off = |pixels: f32| [0, 1].map(|k| edge[k] + step[k] * pixels / length);
                assert_eq!(at(&plain, off(-2.0))[3], 255, "{camera:?}: ground at {x} {y}");
                // A corner may be beyond the edge and before another.
                let beyond = at(&plain, off(2.5))[3];
                assert!(beyond == 0 || along.abs() > 0.85, "{camera:?}: {beyond} beyond {x} {y}");
            }
        }
        // One high point: the brightest place is at its tip.
        let mut peak = vec![0.0; 25];
        peak[3 * 5 + 2] = 1.0;
        let picture = drawn(gpu, terrain, &peak, SIZE, &style);
        let (tip, _) = camera.project(size, [0.0, 0.5, scale.of(1.0).unwrap()]);
        let lit = picture.iter().enumerate().filter(|(_, pixel)| brightness(**pixel) > 480.0);
        let places: Vec<[f32; 2]> =
            lit.map(|(i, _)| [(i as u32 % SIZE[0]) as f32 + 0.5, (i as u32 / SIZE[0]) as f32 + 0.5]).collect();
        assert!(!places.is_empty(), "{camera:?}: the peak is to be seen");
        let top = places.iter().map(|place| place[1]).fold(f32::MAX, f32::min);
        let nearest = places.iter().map(|p| (p[0] - tip[0]).hypot(p[1] - tip[1])).fold(f32::MAX, f32::min);
        assert!(nearest < 2.5, "{camera:?}: the tip at {tip:?} is {nearest} pixels off");
        assert!(
            camera.perspective == 0.0 || (top - tip[1]).abs() < 3.0,
            "{camera:?}: the top is at {top}, not {}",
            tip[1]
        );
    }
}

#[test]
fn contours_lie_at_their_heights_and_are_as_wide_everywhere() {
    let Some(gpu) = any_gpu() else { return };
    let scale = HeightScale::new(true, 0.1, 10.0);
    let camera = TerrainCamera::top();
    // Steeper and steeper to the right, in the logarithm.
    let height = |x: f32| 0.22 + 0.27 * (x + 1.0) / 2.0 + 0.3 * ((x + 1.0) / 2.0).powi(2);
    let side = 41;
    let losses: Vec<f32> =
        (0..side * side).map(|i| scale.loss(height(2.0 * (i % side) as f32 / (side - 1) as f32 - 1.0))).collect();
    let terrain = &mut Terrain::new(gpu, FORMAT);
    let mut picture = |levels: f32| {
        let style = TerrainStyle { levels, line_width: 1.5, ..TerrainStyle::new(camera, scale, false) };
        drawn(gpu, terrain, &losses, SIZE, &style)
    };
    let (with, without) = (picture(20.0), picture(0.0));
    let row = 120 * SIZE[0] as usize;
    let off = |x: usize| (brightness(with[row + x]) - brightness(without[row + x])).abs();
    let mut lines: Vec<(f32, f32)> = Vec::new();
    for x in 0..SIZE[0] as usize {
        if off(x) > 4.0 {
            let (place, weight) = (x as f32 + 0.5, 1.0);
            match lines.last_mut() {
                Some((sum, width)) if place - *sum / *width < *width + 1.0 => {
                    (*sum, *width) = (*sum + place, *width + weight)
                }
                _ => lines.push((place, weight)),
            }
        }
    }
    // Raw heights 0.25, 0.3, ... 0.75.
    let wanted: Vec<f32> = (0..11)
        .map(|i| {
            let level = 0.25 + 0.05 * i as f32;
            let x = (0..4000).map(|k| k as f32 / 2000.0 - 1.0).find(|x| height(*x) >= level).unwrap();
            camera.project(SIZE.map(|n| n as f32), [x, 0.0, 0.0]).0[0]
        })
        .collect();
    assert_eq!(lines.len(), wanted.len(), "{lines:?}");
    for ((sum, width), wanted) in lines.iter().zip(wanted) {
        let place = sum / width;
        assert!((place - wanted).abs() < 1.0, "a line at {place} for {wanted}");
        assert!((1.0..=4.0).contains(width), "{width} pixels wide");
    }
}

#[test]
fn what_is_not_finite_is_a_hole_and_what_is_old_looks_old() {
    let Some(gpu) = any_gpu() else { return };
    let scale = HeightScale::new(false, 0.0, 1.0);
    let camera = TerrainCamera::top();
    let mut losses = vec![0.3; 49];
    (losses[3 * 7 + 3], losses[0]) = (f32::NAN, f32::INFINITY);
    let terrain = &mut Terrain::new(gpu, FORMAT);
    let style = TerrainStyle { levels: 0.0, ..TerrainStyle::new(camera, scale, true) };
    let picture = drawn(gpu, terrain, &losses, SIZE, &style);
    let alpha = |x: f32, y: f32| at(&picture, camera.project(SIZE.map(|n| n as f32), [x, y, 0.0]).0)[3];
    let around = |x: f32, y: f32, r: f32| {
        let places = (0..64).map(|i| [(i % 8) as f32 / 3.5 - 1.0, (i / 8) as f32 / 3.5 - 1.0]);
        places.map(|[dx, dy]| alpha(x + r * dx, y + r * dy)).collect::<Vec<u8>>()
    };
    let hole = around(0.0, 0.0, 0.3);
    assert!(hole.iter().all(|a| *a > 10 && *a < 200), "seen through: {hole:?}");
    assert!(hole.iter().max().unwrap() - hole.iter().min().unwrap() > 60, "hatched: {hole:?}");
    assert!(around(-0.85, -0.85, 0.1).iter().all(|a| *a < 200), "in the corner, too");
    assert!(around(0.7, 0.0, 0.2).iter().all(|a| *a == 255), "and nowhere else");
    let fresh = drawn(gpu, terrain, &[0.3; 49], SIZE, &style);
    let stale = drawn(gpu, terrain, &[0.3; 49], SIZE, &TerrainStyle { stale: true, ..style });
    let spread = |picture: &[[u8; 4]]| {
        let inner = (100..140).flat_map(|y| (140..180).map(move |x| brightness(picture[y * SIZE[0] as usize + x])));
        let values: Vec<f32> = inner.collect();
        values.iter().fold(0.0f32, |a, b| a.max(*b)) - values.iter().fold(f32::MAX, |a, b| a.min(*b))
    };
    assert!(spread(&stale) > spread(&fresh) + 20.0, "{} and {}", spread(&stale), spread(&fresh));
}

#[test]
fn pictures_of_one_submission_do_not_disturb_each_other() {
    let Some(gpu) = any_gpu() else { return };
    let job = Job::new(&json!({
        "data": "moons", "test_limit": 20, "model": "mlp:8", "steps": 30, "lane": ["sgd: optimizer=sgd", "sam: optimizer=sam rho=0.2"],
    }));
    let mut trainer = job.trainer(gpu, job.setup.clone(), None);
    follow(gpu, &mut trainer, LONG);
    let field = Field::grid(gpu, &job.model, &job.data, [-2.0, 3.0, -1.5, 2.0], [24, 18], 2);
    let mut field = pollster::block_on(field).unwrap();
    let mut painter = FieldPainter::new(gpu, &field, 64 * 50).unwrap();
    let mut paint = |jobs: &[(usize, bool)]| {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        field.refresh(&mut encoder, &[trainer.slot(0), trainer.slot(1)]);
        let pictures: Vec<wgpu::Texture> = jobs
            .iter()
            .map(|(row, dark)| {
                let picture = texture(gpu, [64, 50]);
                painter.paint(gpu, &mut encoder, *row, &picture, &style(*dark)).unwrap();
                picture
            })
            .collect();
        gpu.queue().submit([encoder.finish()]);
        pictures.iter().map(|picture| pixels(gpu, picture)).collect::<Vec<_>>()
    };
    let jobs = [(0, true), (1, true), (0, false), (1, false)];
    let together = paint(&jobs);
    for (job, picture) in jobs.iter().zip(&together) {
        assert_eq!(&paint(&[*job])[0], picture);
    }
    assert!((1..4).all(|i| together[i] != together[0]), "the pictures differ");
    let wrong = texture(gpu, [60, 50]);
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    assert!(painter.paint(gpu, &mut encoder, 0, &wrong, &style(true)).unwrap_err().is_input());
    let right = texture(gpu, [64, 50]);
    assert!(painter.paint(gpu, &mut encoder, 2, &right, &style(true)).unwrap_err().is_input());
}

/// Pictures to look at, in the folder `lowland-pictures` of the temporary folder, and how long they take.
#[test]
#[ignore = "pictures for the eye, and a measurement"]
fn pictures() {
    let Some(gpu) = any_gpu() else { return };
    let job = Job::new(&json!({
        "data": "moons", "label_noise": 0.2, "test_limit": 100, "model": "mlp:32,32,32", "steps": 1500, "lr": 0.05,
        "lane": ["sgd: optimizer=sgd", "sam: optimizer=sam rho=0.2"],
    }));
    let start: Trainer = job.trainer(gpu, job.setup.clone(), None);
    let mut trainer = job.trainer(gpu, job.setup.clone(), None);
    follow(gpu, &mut trainer, LONG);
    let mut field =
        pollster::block_on(Field::grid(gpu, &job.model, &job.data, [-1.8, 2.8, -1.4, 1.9], [96, 72], 2)).unwrap();
    let mut painter = FieldPainter::new(gpu, &field, 1 << 20).unwrap();
    for dark in [true, false] {
        for row in [0, 1] {
            let picture = texture(gpu, [256, 204]);
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            field.refresh(&mut encoder, &[trainer.slot(0), trainer.slot(1)]);
            painter.paint(gpu, &mut encoder, row, &picture, &style(dark)).unwrap();
            gpu.queue().submit([encoder.finish()]);
            save(gpu, &picture, &format!("field-{}-{row}.png", if dark { "dark" } else { "light" }));
        }
    }
    let picture = texture(gpu, [256, 204]);
    let sources = [start.slot(0), trainer.slot(0), trainer.slot(1)];
    let mut sweep = pollster::block_on(Sweep::new(gpu, &job.model, &job.data, Examples::Train, 200, 51 * 51)).unwrap();
    let mut terrain = Terrain::new(gpu, FORMAT);
    let size = [640, 420];
    let scene = texture(gpu, size);
    let view = scene.create_view(&Default::default());
    for side in [13, 25, 51] {
        sweep.begin(gpu, sources, &plane(side)).unwrap();
        while !sweep.advance(gpu, 100) {
            gpu.wait(Duration::from_millis(50));
        }
        let losses = loop {
            if let Some(values) = sweep.take(gpu).unwrap() {
                break values;
            }
            gpu.wait(Duration::from_millis(5));
        };
        let low = losses.iter().map(|v| v[0]).fold(f32::INFINITY, f32::min);
        let start = losses[side * side / 4][0];
        println!("{side}: from {low}, start about {start}, high {}", losses.iter().map(|v| v[0]).fold(0.0, f32::max));
        let scale = HeightScale::new(true, low, 3.0);
        let tilted = TerrainCamera::default();
        for (name, camera) in [
            ("3d", tilted),
            ("low", TerrainCamera { azimuth: 3.6, elevation: 0.35, ..tilted }),
            ("map", TerrainCamera::top()),
        ] {
            for dark in [true, false] {
                let stale = name == "low" && dark && side == 13;
                let style = TerrainStyle { stale, ..TerrainStyle::new(camera, scale, dark) };
                let mut encoder = gpu.device().create_command_encoder(&Default::default());
                terrain.draw(gpu, &mut encoder, &view, size, sweep.losses(), side, &style).unwrap();
                gpu.queue().submit([encoder.finish()]);
                let theme = if dark { "dark" } else { "light" };
                save(gpu, &scene, &format!("terrain-{side}-{name}-{theme}.png"));
            }
        }
        let style = TerrainStyle::new(tilted, scale, true);
        let mut draw = |count: usize| {
            let begin = Instant::now();
            for _ in 0..count {
                let mut encoder = gpu.device().create_command_encoder(&Default::default());
                terrain.draw(gpu, &mut encoder, &view, size, sweep.losses(), side, &style).unwrap();
                gpu.queue().submit([encoder.finish()]);
                gpu.wait(Duration::from_secs(1));
            }
            begin.elapsed().as_secs_f64() * 1e3 / count as f64
        };
        draw(3);
        println!("{side} a side: a redraw of {size:?} takes {:.1} ms", draw(20));
    }
    let begin = Instant::now();
    for _ in 0..20 {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        painter.paint(gpu, &mut encoder, 0, &picture, &style(true)).unwrap();
        gpu.queue().submit([encoder.finish()]);
        gpu.wait(Duration::from_secs(1));
    }
    println!("a field of 256x204 pixels is painted in {:.1} ms", begin.elapsed().as_secs_f64() * 1e3 / 20.0);
    println!(
        "bytes: field {}, painter {}, sweep {}, terrain {}",
        field.bytes(),
        painter.bytes(),
        sweep.bytes(),
        terrain.bytes()
    );
}
