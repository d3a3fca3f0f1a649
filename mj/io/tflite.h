// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "mj/io/onnx.h"

namespace mj {

/// Reads a TensorFlow Lite model, schema version 3: float32, int8 weights behind float activations (hybrid), or int8
/// throughout (uint8 activations become int8, shifted by 128). Quantisation parameters are kept exactly; the batch,
/// free or 1, is dropped. Throws `Error` on a file that is not a TFLite model, is truncated or contradicts itself.
ImportResult import_tflite(const std::filesystem::path& path);
/// From memory.
ImportResult parse_tflite(std::span<const std::byte> bytes);

/// Whether bytes start as a TFLite file does; the first 8 are enough.
bool is_tflite(std::span<const std::byte> bytes);

}  // namespace mj
