// SPDX-License-Identifier: Apache-2.0
//
// A CUDA device for machines without one, as libtorch 1.13 sees it: device memory is memory that the host may not touch (reading
// it through `data_ptr` is a segmentation fault), kernels are the processor's, and they refuse what a CUDA kernel refuses:
// operands in the host's memory. It shows that every tensor is where it must be, not how fast or how exact CUDA is.
#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <sys/mman.h>
#include <torch/library.h>

#include <utility>
#include <vector>

namespace {

const c10::Device kDevice(c10::kCUDA, 0);

/// Where a block's address is and where its bytes are.
struct Block {
  char* base;        ///< what tensors point to: pages nobody may touch
  std::size_t size;  ///< of these pages; the bytes follow behind
  char* bytes() const { return base + size; }
};

class DeviceMemory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t wanted) const override {
    if (wanted == 0) return {nullptr, kDevice};
    constexpr std::size_t kPage = 4096;
    const std::size_t size = (wanted + kPage - 1) / kPage * kPage;
    void* base = mmap(nullptr, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TORCH_CHECK(base != MAP_FAILED && mprotect(base, size, PROT_NONE) == 0, "stand-in: out of memory");
    return {base, new Block{static_cast<char*>(base), size}, &release, kDevice};
  }

 private:
  static void release(void* context) {
    const auto* block = static_cast<Block*>(context);
    munmap(block->base, 2 * block->size);
    delete block;
  }
};
DeviceMemory device_memory;

/// Pinned memory is the host's; that it is page-locked makes no difference here.
class PinnedMemory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t wanted) const override { return c10::GetDefaultCPUAllocator()->allocate(wanted); }
};

struct DeviceGuard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return c10::kCUDA; }
  c10::Device exchangeDevice(c10::Device) const override { return kDevice; }
  c10::Device getDevice() const override { return kDevice; }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device) const noexcept override { return c10::Stream(c10::Stream::DEFAULT, kDevice); }
  c10::Stream getDefaultStream(c10::Device) const override { return c10::Stream(c10::Stream::DEFAULT, kDevice); }
  c10::Stream exchangeStream(c10::Stream stream) const noexcept override { return stream; }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void**, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void destroyEvent(void*, c10::DeviceIndex) const noexcept override {}
};
C10_REGISTER_GUARD_IMPL(CUDA, DeviceGuard);

}  // namespace

namespace at {
struct CUDAHooks final : CUDAHooksInterface {  // libtorch looks for this name
  explicit CUDAHooks(CUDAHooksArgs) {}
  void initCUDA() const override {}
  bool hasCUDA() const override { return true; }
  bool hasPrimaryContext(std::int64_t) const override { return true; }
  std::int64_t current_device() const override { return 0; }
  int getNumGPUs() const override { return 1; }
  Allocator* getPinnedMemoryAllocator() const override {
    static PinnedMemory pinned;
    return &pinned;
  }
  Allocator* getCUDADeviceAllocator() const override { return &device_memory; }
};
REGISTER_CUDA_HOOKS(CUDAHooks);
}  // namespace at

namespace {

/// The bytes of a tensor of the device, as the device's kernels see them.
at::Tensor on_device(const at::Tensor& tensor) {
  if (!tensor.is_cuda()) return tensor;
  const auto* block = static_cast<const Block*>(tensor.storage().data_ptr().get_context());
  const at::TensorOptions options = at::TensorOptions().dtype(tensor.dtype());
  if (block == nullptr) return at::empty_strided(tensor.sizes(), tensor.strides(), options);
  char* first = block->bytes() + tensor.storage_offset() * static_cast<std::int64_t>(tensor.itemsize());
  return at::from_blob(first, tensor.sizes(), tensor.strides(), options);
}

at::Tensor empty_on_device(at::IntArrayRef size, c10::optional<at::ScalarType> type, c10::optional<at::Layout>,
                           c10::optional<at::Device>, c10::optional<bool>, c10::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(size, &device_memory, c10::DispatchKeySet(c10::DispatchKey::CUDA), type.value_or(at::kFloat), format);
}

at::Tensor empty_strided_on_device(at::IntArrayRef size, at::IntArrayRef stride, c10::optional<at::ScalarType> type,
                                   c10::optional<at::Layout>, c10::optional<at::Device>, c10::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, &device_memory, c10::DispatchKeySet(c10::DispatchKey::CUDA),
                                           type.value_or(at::kFloat));
}

at::Tensor& copy_between(at::Tensor& to, const at::Tensor& from, bool) {
  on_device(to).copy_(on_device(from));
  return to;
}

/// Any other kernel: the processor's on the device's bytes.
void run_kernel(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const std::size_t count = op.schema().arguments().size();
  const std::size_t first = stack->size() - count;
  std::vector<std::pair<at::Tensor, at::Tensor>> seen;  // of the caller, of the kernel
  bool any = false;
  const auto translate = [&](const at::Tensor& tensor) {
    if (!tensor.defined()) return tensor;
    TORCH_CHECK(tensor.is_cuda() || tensor.dim() == 0, "stand-in: ", op.schema().name(),
                " expected all tensors on the device, but found one of sizes ", tensor.sizes(), " in the host's memory");
    any |= tensor.is_cuda();
    if (!tensor.is_cuda()) return tensor;
    seen.emplace_back(tensor, on_device(tensor));
    return seen.back().second;
  };
  for (std::size_t i = first; i < stack->size(); ++i) {
    c10::IValue& value = (*stack)[i];
    if (value.isTensor()) {
      value = translate(value.toTensor());
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(translate(tensor));
      value = list;
    } else if (value.isOptionalTensorList()) {
      c10::List<c10::optional<at::Tensor>> list;
      for (const c10::optional<at::Tensor>& tensor : value.toOptionalTensorVector()) {
        list.push_back(tensor ? c10::optional<at::Tensor>(translate(*tensor)) : c10::nullopt);
      }
      value = list;
    } else if (value.isDevice()) {
      any |= value.toDevice().is_cuda();
      value = c10::Device(c10::kCPU);
    }
  }
  TORCH_CHECK(any, "stand-in: ", op.schema().name(), " was called without a tensor of the device");
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  const auto back = [&](const at::Tensor& tensor) -> at::Tensor {
    if (!tensor.defined()) return tensor;
    for (auto& [caller, kernel] : seen) {
      if (!kernel.is_same(tensor)) continue;
      if (caller.sizes() != tensor.sizes()) {  // an output that the kernel has made fit
        caller.resize_(tensor.sizes());
        on_device(caller).copy_(tensor);
      }
      return caller;
    }
    for (auto& [caller, kernel] : seen) {
      TORCH_CHECK(!tensor.storage().is_alias_of(kernel.storage()), "stand-in: ", op.schema().name(), " returned a view");
    }
    at::Tensor result = empty_strided_on_device(tensor.sizes(), tensor.strides(), tensor.scalar_type(), {}, {}, {});
    on_device(result).copy_(tensor);
    return result;
  };
  for (std::size_t i = stack->size() - op.schema().returns().size(); i < stack->size(); ++i) {
    c10::IValue& value = (*stack)[i];
    if (value.isTensor()) value = back(value.toTensor());
    TORCH_CHECK(!value.isTensorList(), "stand-in: ", op.schema().name(), " returns a list");
  }
}

const at::Tensor& resize_on_device(const at::Tensor& tensor, at::IntArrayRef size, c10::optional<at::MemoryFormat>) {
  c10::TensorImpl* impl = tensor.unsafeGetTensorImpl();
  impl->set_sizes_contiguous(size);
  const std::size_t bytes = static_cast<std::size_t>(tensor.numel()) * tensor.itemsize();
  if (bytes > tensor.storage().nbytes()) {
    tensor.storage().set_data_ptr(device_memory.allocate(bytes));
    tensor.storage().set_nbytes(bytes);
  }
  return tensor;
}

}  // namespace

TORCH_LIBRARY_IMPL(_, CUDA, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&run_kernel>()); }

TORCH_LIBRARY_IMPL(aten, CUDA, m) {
  m.impl("empty.memory_format", &empty_on_device);
  m.impl("empty_strided", &empty_strided_on_device);
  m.impl("copy_", &copy_between);
  m.impl("resize_", &resize_on_device);
  m.impl("view", &at::native::view);
  m.impl("as_strided", &at::native::as_strided_tensorimpl);
  m.impl("_reshape_alias", &at::native::_reshape_alias);
  // As with cuDNN, one kernel each: without, libtorch takes them apart into `_slow_conv2d`, whose gradient of 1x1 kernels is not
  // to be trusted on the processor (1.13).
  m.impl("convolution", torch::CppFunction::makeFromBoxedFunction<&run_kernel>());
  m.impl("convolution_backward", torch::CppFunction::makeFromBoxedFunction<&run_kernel>());
}
