// Element types that data may arrive in before it is cast to the type of a model.
#pragma once

namespace hotloop {

enum class Element : int { u8, i8, u16, i16, u32, i32, u64, i64, f32, f64 };

}  // namespace hotloop
