// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "service/ownership.hpp"

namespace coord::service {

TEST_CASE("whose a name is, is said by the name alone") {
  CHECK(may_use("@alice/x", 1000, "alice"));
  CHECK_FALSE(may_use("@alice/x", 1001, "bob"));
  CHECK(may_use("@alice/x", 0, "root"));
  CHECK(may_use("@daily", 1001, "bob"));
  CHECK(may_use("a@alice/x", 1001, "bob"));
  CHECK(may_use("", 1001, "bob"));
  CHECK_FALSE(may_use("@/x", 0, "root"));  // expanded by a peer, or nobody's
  CHECK(may_use("@alice/", 1000, "alice"));
  CHECK_FALSE(may_use("@alic/x", 1000, "alice"));
  CHECK_FALSE(may_use("@alicee/x", 1000, "alice"));
}

TEST_CASE("a uid without a name has its number, which is nobody's name") {
  CHECK(owner_name(1234, "1234") == "#1234");
  CHECK(owner_name(1234, "") == "#1234");
  CHECK(owner_name(1234, "alice") == "alice");
  CHECK(owner_name(1234, "5678") == "5678");  // a user who is called so
  CHECK(owner_name(1234, "#5678") == "#1234");
  CHECK(owner_name(1234, "a/b") == "#1234");
  CHECK(may_use("@#1234/x", 1234, "1234"));
  CHECK_FALSE(may_use("@#1234/x", 1234, "alice"));
  CHECK_FALSE(may_use("@#1234/x", 5678, "#1234"));
}

TEST_CASE("@/NAME is expanded to the user's own, other names stay") {
  CHECK(expand_own("@/x", 1000, "alice") == "@alice/x");
  CHECK(expand_own("@/", 1000, "1000") == "@#1000/");
  CHECK(expand_own("@/a/b", 1000, "alice") == "@alice/a/b");
  CHECK(expand_own("@alice/x", 1001, "bob") == "@alice/x");
  CHECK(expand_own("x", 1001, "bob") == "x");
}

TEST_CASE("names in use that are a user's are listed, so many at most") {
  State state;
  state.requests[LogIndex{1}].names = {"plain", "@alice/a", "@daily"};
  state.lingering_holds[Token{1}].names = {"@bob/b"};
  state.elections.leaderships["@bob/lead"];
  state.barriers.barriers["@alice/gate"];
  CHECK(owned_names(state, 64) == std::vector<std::string>{"@alice/a", "@alice/gate", "@bob/b", "@bob/lead"});
  CHECK(owned_names(state, 2).size() == 2);
}

}  // namespace coord::service
