# SPDX-License-Identifier: MIT
# What Debian hardens its programs by (dpkg-buildflags). The linker's part costs nothing and is in every release build; the
# compiler's part makes other objects of every file, so it is left to builds that are made to be shipped (scripts/package).
option(COORD_HARDEN "compile with stack protector, checked library calls and control-flow protection" OFF)
if(COORD_SANITIZE)
  return()
endif()
add_link_options(-Wl,-z,relro -Wl,-z,now)
if(COORD_HARDEN)
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -Wformat -Werror=format-security)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
    add_compile_options(-fcf-protection)
  endif()
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    add_compile_options(-D_FORTIFY_SOURCE=2)
  endif()
endif()
