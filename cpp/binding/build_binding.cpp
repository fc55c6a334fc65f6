#include "binding/build_binding.h"

#include <elf.h>
#include <link.h>

#include <cstring>
#include <optional>
#include <string>

namespace py = pybind11;

namespace zyphos {
namespace {

struct Search {
  std::uintptr_t inside;  // an address within the object that is wanted
  std::optional<std::string> build_id;
};

std::string hexadecimal(const unsigned char* bytes, std::size_t size) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    out.push_back(kDigits[bytes[i] >> 4]);
    out.push_back(kDigits[bytes[i] & 15]);
  }
  return out;
}

// One PT_NOTE segment: {name size, description size, type}, name, description, each padded to 4
// bytes.
std::optional<std::string> build_id_in(const unsigned char* note, std::size_t size) {
  const auto padded = [](std::size_t n) { return (n + 3) & ~std::size_t{3}; };
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) head;
    std::memcpy(&head, note, sizeof head);
    const std::size_t name = sizeof head;
    const std::size_t text = name + padded(head.n_namesz);
    const std::size_t whole = text + padded(head.n_descsz);
    if (whole > size) return {};
    if (head.n_type == NT_GNU_BUILD_ID && std::memcmp(note + name, "GNU", 4) == 0) {
      return hexadecimal(note + text, head.n_descsz);
    }
    note += whole;
    size -= whole;
  }
  return {};
}

int look_into(dl_phdr_info* info, std::size_t, void* argument) {
  auto& search = *static_cast<Search*>(argument);
  bool ours = false;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    const std::uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
    ours |= segment.p_type == PT_LOAD && search.inside - begin < segment.p_memsz;
  }
  for (int i = 0; ours && i < info->dlpi_phnum && !search.build_id; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    search.build_id = build_id_in(
        reinterpret_cast<const unsigned char*>(info->dlpi_addr + segment.p_vaddr), segment.p_memsz);
  }
  return ours ? 1 : 0;
}

py::object feature(bool present, const char* reason) {
  return present ? py::object(py::bool_(true)) : py::object(py::str(reason));
}

py::dict build_info() {
  Search search{reinterpret_cast<std::uintptr_t>(&look_into), {}};
  dl_iterate_phdr(look_into, &search);
  py::dict features;
  features["liburing"] = feature(ZYPHOS_HAVE_LIBURING != 0, ZYPHOS_NO_LIBURING_REASON);
  features["libbpf"] = feature(ZYPHOS_HAVE_LIBBPF != 0, ZYPHOS_NO_LIBBPF_REASON);
  py::dict out;
  out["version"] = ZYPHOS_VERSION;
  out["compiler"] = __VERSION__;
  out["flags"] = ZYPHOS_FLAGS;
  out["build_id"] = search.build_id ? py::object(py::str(*search.build_id)) : py::none();
  out["features"] = features;
  return out;
}

}  // namespace

void bind_build(py::module_& module) {
  module.def("build_info", &build_info,
             "version, compiler, flags, build_id (None where the linker left none), features: True "
             "or the reason why a part is missing.");
}

}  // namespace zyphos
