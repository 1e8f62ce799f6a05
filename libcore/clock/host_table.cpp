// SPDX-License-Identifier: MIT
#include "clock/host_table.hpp"

#include "base/utf8.hpp"

namespace coord::clock {
const char* host_name_fault(std::string_view name) {
  if (name.empty()) return "a host name is empty";
  if (name.size() > longest_host) return "a host name is longer than 255 bytes";
  if (name.front() == '-' || name.front() == '@') return "a host name begins with '-' or '@'";
  for (const char c : name) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f)
      return "a host name contains a blank or a control character";
    if (c == '{' || c == '}') return "a host name contains a brace";
  }
  return is_utf8(name) ? nullptr : "a host name is not UTF-8";
}

HostIndex HostTable::intern(std::string_view name, const char*& fault) {
  const auto known = indices_.find(name);
  if (known != indices_.end()) return known->second;
  fault = names_.size() >= most_hosts ? "more than 65536 hosts" : host_name_fault(name);
  if (fault != nullptr) return none;
  names_.emplace_back(name);
  const auto index = static_cast<HostIndex>(names_.size() - 1);
  indices_.emplace(names_.back(), index);
  return index;
}

void HostTable::shrink_to(std::size_t size) {
  while (names_.size() > size) {
    indices_.erase(names_.back());
    names_.pop_back();
  }
}

HostIndex HostTable::find(std::string_view name) const {
  const auto known = indices_.find(name);
  return known == indices_.end() ? none : known->second;
}

}  // namespace coord::clock
