// SPDX-License-Identifier: MIT
#include "coordd/spare_memory.hpp"

#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace coord::coordd {

namespace {

// Code and constants: they are never written to, so that nothing is lost. (Code with relocations would be,
// but none is built so.)
int unmap_constant(dl_phdr_info* object, std::size_t, void*) {
  if (object->dlpi_addr == ::getauxval(AT_SYSINFO_EHDR)) return 0;  // of the kernel
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& part = object->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (object->dlpi_addr + part.p_vaddr) & ~(page - 1);
    const std::uintptr_t end = (object->dlpi_addr + part.p_vaddr + part.p_filesz + page - 1) & ~(page - 1);
    (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void spare_memory() {
  ::dl_iterate_phdr(unmap_constant, nullptr);
}

}  // namespace coord::coordd
