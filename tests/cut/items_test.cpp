// SPDX-License-Identifier: MIT
// What travels in the channels of a group: each kind there and back, and no bytes that are none.
#include "cut/items.hpp"

#include <catch2/catch.hpp>

using namespace coord;
using namespace coord::cut;

TEST_CASE("items of a group's channels: there and back, and nothing that was cut off or goes on") {
  const std::vector<Item> items = {Message{{{7, 3}, {9, 1}}, "pay=3"},
                                   Marker{"S1", 4, true},
                                   Begin{"S1", 4},
                                   Line{"hello"},
                                   EndInput{},
                                   Part{"text"},
                                   Answer{"S1", true, true, 2, 1},
                                   CloseNow{"S1", 7}};
  for (const Item& item : items) {
    Bytes bytes = encode(item);
    const auto read = decode(bytes);
    REQUIRE(read.has_value());
    CHECK(read->index() == item.index());
    CHECK(encode(*read) == bytes);
    for (std::size_t size = 0; size < bytes.size(); ++size)
      CHECK_FALSE(decode(ByteView(bytes).first(size)).has_value());
    bytes.push_back(0);
    CHECK_FALSE(decode(bytes).has_value());
  }
  CHECK_FALSE(decode(Bytes{99}).has_value());
  CHECK_FALSE(decode(Bytes{0, 255, 255, 255, 255}).has_value());
}
