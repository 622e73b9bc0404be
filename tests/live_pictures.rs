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
