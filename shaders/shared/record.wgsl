// What a step or a batch of an evaluation leaves in the ring: sums over examples with their own label, and over those whose
// label was moved, of loss, correct, among the top 5 and count.
struct Record {
  clean: vec4f, flipped: vec4f, grad_norm: f32, ascent_loss: f32, second_order_cosine: f32, unused: f32,
}
