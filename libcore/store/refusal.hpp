// SPDX-License-Identifier: MIT
// The errors with which a store refuses to start or to go on; each says what to do.
#pragma once

#include <string>

#include "base/disk.hpp"
#include "base/result.hpp"
#include "store/options.hpp"

namespace coord::store {

inline std::string shown_path(const Options& options, const std::string& name) {
  if (options.place.empty()) return name;
  return name.empty() ? options.place : options.place + "/" + name;
}

// Acknowledged data may be lost: this directory must not be used again as it is. As `misplaced`, it is of
// kind `data`: no later start goes better before somebody has done something.
inline Error refusal(const Options& options, const std::string& file, std::string what) {
  return {ErrorKind::data, shown_path(options, file), std::move(what),
          "restore the file, or move the whole state directory away and start with `coordd --rejoin`, or "
          "with a new directory that has nothing but a file `rejoin`, and the file `keys` of the old one if "
          "there is one"};
}

// The directory is sound but not the one that is wanted.
inline Error misplaced(const Options& options, const std::string& file, std::string what,
                       std::string remedy) {
  return {ErrorKind::data, shown_path(options, file), std::move(what), std::move(remedy)};
}

// A call of the disk failed at start: nothing was promised yet.
inline Error unusable(const Options& options, const Error& error) {
  return {ErrorKind::unavailable, shown_path(options, error.object), error.what,
          is_for_want_of_room(error) ? "make room on it, or raise the limit of open files, then start again"
                                     : "check the disk, then start again"};
}

// A call of the disk failed while running: what it holds is unknown.
inline Error stopped(const Options& options, const Error& error) {
  return {ErrorKind::unavailable, shown_path(options, error.object), error.what,
          "this peer stops, for the contents of the disk are unknown: check the disk, then start it again"};
}

// There is no room for it now; nothing is in doubt.
inline Error waits_for_room(const Options& options, const Error& error) {
  return {error.kind, shown_path(options, error.object), error.what,
          "this peer waits until there is room: free some space"};
}

}  // namespace coord::store
