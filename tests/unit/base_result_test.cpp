// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "base/result.hpp"

using namespace coord;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error{ErrorKind::data, std::to_string(number), "is odd", "give an even one"};
  return number / 2;
}

}  // namespace

TEST_CASE("a Result is a value or an Error") {
  CHECK(half(4).ok());
  CHECK(*half(4) == 2);
  const auto odd = half(5);
  CHECK_FALSE(odd);
  CHECK(odd.error().kind == ErrorKind::data);
  CHECK(odd.error().text() == "5: is odd: give an even one");
}

TEST_CASE("an Error's text leaves out what it does not have") {
  CHECK(Error{ErrorKind::internal, "", "broken", ""}.text() == "broken");
  CHECK(Error{ErrorKind::internal, "disk", "broken", ""}.text() == "disk: broken");
  CHECK(Error{ErrorKind::internal, "", "broken", "mend it"}.text() == "broken: mend it");
}

TEST_CASE("a Result's value can be moved out, and may be one that only moves") {
  Result<std::unique_ptr<std::string>> result(std::make_unique<std::string>("text"));
  const std::unique_ptr<std::string> taken = std::move(result).value();
  CHECK(*taken == "text");
  Result<std::string> text(std::string("abc"));
  text->push_back('d');
  CHECK(text.value() == "abcd");
  CHECK(done().ok());
}
