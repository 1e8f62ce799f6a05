// SPDX-License-Identifier: MIT
// Text from parts: fmt::format("{} of {}", n, all). The only way to fmt for all of the code.
//
// Debian ships fmt as a shared library alone, and tools are linked so that they start fast: fmt's own code is
// compiled once, in format.cpp. Without locales: they would be most of a small program, and no output of ours
// may depend on one.
#pragma once

#define FMT_STATIC_THOUSANDS_SEPARATOR ','
#include <fmt/compile.h>
#include <fmt/format.h>
