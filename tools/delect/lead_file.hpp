// SPDX-License-Identifier: MIT
// The file of --lead-file: there while this host leads, with host and term in it.
//
// The problem: a delect that is killed with -9 cannot remove it, and whoever finds a file cannot see that.
// So the leader and its command hold a lock on it (flock(2)), which ends with the last of them, as the
// leadership does: a campaign removes what nobody locks before it begins, and a reader who wants to be sure
// asks `flock -n`.
#pragma once

#include <string>

#include "base/descriptor.hpp"
#include "base/result.hpp"

namespace coord::delect {

class LeadFile {
 public:
  // Removes what an earlier leader has left behind. Empty path: none.
  static Result<LeadFile> prepare(const std::string& path);
  // Makes it, to be inherited; nobody sees it before it appears. Once it has, both do nothing.
  Status make();
  Status appear(const std::string& text);
  void disappear();
  int fd() const { return file_.get(); }  // with the lock; negative: none

  explicit LeadFile(std::string path) : path_(std::move(path)) {}
  LeadFile(LeadFile&&) = default;
  LeadFile& operator=(LeadFile&&) = default;
  ~LeadFile() { disappear(); }

 private:
  std::string path_;
  std::string fresh_;  // where it is before it appears; empty: it has, or is not made
  Descriptor file_;    // open and locked while it is there
};

}  // namespace coord::delect
