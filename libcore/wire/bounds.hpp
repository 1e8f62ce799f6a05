// SPDX-License-Identifier: MIT
// Bounds on single fields, said where a message lists its fields:
//
//   archive(request, at_most<64, 255>(names), text<4096>(command));
//
// The reader refuses a field beyond its bound before anything is allocated for it. The writer treats an
// at_most() field that is too long as a bug of the caller, who has checked names and counts already; text()
// is for people to read only and is cut to fit.
#pragma once

#include <cstddef>
#include <string>

namespace coord::wire {

// A string of at most Max bytes, or a container of at most Max elements, each at most ElementMax bytes long.
template <class T, std::size_t Max, std::size_t ElementMax>
struct AtMost {
  T& value;
};

template <std::size_t Max, std::size_t ElementMax = 0, class T>
AtMost<T, Max, ElementMax> at_most(T& value) {
  return {value};
}

template <std::size_t Max>
struct Text {
  std::string& value;
};

template <std::size_t Max>
Text<Max> text(std::string& value) {
  return {value};
}

}  // namespace coord::wire
