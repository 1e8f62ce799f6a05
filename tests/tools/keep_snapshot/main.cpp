// SPDX-License-Identifier: MIT
// usage: keep_snapshot <FILE: the peer keeps the snapshot on standard input.
#include <cstdio>
#include <iostream>
#include <iterator>

#include "kept.hpp"

int main() {
  const std::string text{std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  coord::dsnapshot::Common common;
  if (const char* socket = std::getenv("COORD_SOCKET")) common.peer.socket = socket;
  const coord::Status kept = coord::dsnapshot::keep(common, text);
  if (!kept) std::fprintf(stderr, "keep_snapshot: %s\n", kept.error().text().c_str());
  return kept ? 0 : 69;
}
