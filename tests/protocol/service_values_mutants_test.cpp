// SPDX-License-Identifier: MIT
// Each rule of the map is removed in turn; a scenario must end otherwise.
#include "mutants/stories.hpp"
#include "service_values_story.hpp"

using namespace coord;
using namespace coord::service;

namespace {

std::string story() {
  Map map;
  std::string said;
  const auto tell = [&](const std::string& text) { said += text + "\n"; };
  tell(map.put("k", "one"));
  tell(map.put("k", "two", Token{1}));  // not its version
  tell(map.live(map.b, "node", "up"));  // s5
  tell(map.put("node", "down"));        // the session's
  tell(map.b.close(5));
  tell(map.get("node"));
  return said;
}

}  // namespace

TEST_CASE("every rule of the map that is removed is noticed") {
  mutants::check_story(story, {"only_the_version_that_was_named", "session_key_is_its_sessions",
                               "session_key_ends_with_session"});
}
