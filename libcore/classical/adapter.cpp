// SPDX-License-Identifier: MIT
#include "classical/adapter.hpp"

#include "base/format.hpp"

namespace coord::classical {

Error from_nobody(std::string_view algorithm, NodeId from) {
  return {ErrorKind::data, std::string(algorithm), fmt::format("a message from {}", from.value),
          "only the other nodes of the group can send one"};
}

Error unreadable_message(std::string_view algorithm, const Error& why) {
  return {ErrorKind::data, std::string(algorithm), "a message cannot be read: " + why.what, ""};
}

Error unreadable_record(std::string_view algorithm, const std::string& key, const Error& why) {
  return {ErrorKind::data, std::string(algorithm),
          fmt::format("the record stored as '{}' cannot be read: {}", key, why.what),
          "leave this node out, or bring its storage back"};
}

Error meaningless(std::string_view algorithm, ErrorKind kind, std::string_view what, const char* nonsense) {
  return {kind, std::string(algorithm), std::string(what) + nonsense, ""};
}

Error too_long(std::string_view algorithm) {
  return {ErrorKind::usage, std::string(algorithm), "a wish is longer than 64 KiB", "shorten it"};
}

Error not_its_wish(std::string_view algorithm, std::string_view wish) {
  return {ErrorKind::usage, std::string(algorithm), fmt::format("takes no wish to {}", wish), ""};
}

}  // namespace coord::classical
