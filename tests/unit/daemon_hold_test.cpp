// SPDX-License-Identifier: MIT
// The FIFOs by which the kernel tells a peer that a session's last holder is gone.
#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "daemon/hold.hpp"
#include "temporary_directory.hpp"

using namespace coord;
using daemon::HoldStock;

namespace {

struct Place {
  std::size_t files() const {
    const std::filesystem::directory_iterator all(directory.path());
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
  TemporaryDirectory directory;
};

HoldStock::Numbered take(HoldStock& stock) {
  auto taken = stock.take();
  REQUIRE(taken.ok());
  return std::move(*taken);
}

}  // namespace

TEST_CASE("each hold has a file of its own under its number, made ahead of time or not") {
  const Place place;
  boost::asio::io_context io;
  HoldStock stock(io, place.directory.path());
  stock.number_from(41);
  CHECK(place.files() == 0);
  const auto first = take(stock);
  stock.refill();
  stock.refill();  // one is enough
  CHECK(place.files() == 2);
  const auto second = take(stock);
  CHECK(place.files() == 2);
  const auto third = take(stock);
  CHECK(first.number == 41);
  CHECK(second.number == 42);
  CHECK(third.number == 43);
  CHECK(std::filesystem::is_fifo(stock.path_of(43)));
  CHECK(first.hold->file().inode != second.hold->file().inode);
  second.hold->remove();
  CHECK(place.files() == 2);
}

TEST_CASE("the last descriptor's end is told once, and not before") {
  const Place place;
  boost::asio::io_context io;
  HoldStock stock(io, place.directory.path());
  stock.refill();
  const auto taken = take(stock);
  CHECK_FALSE(taken.hold->is_given());
  int gone = 0;
  Descriptor given = taken.hold->give([&] { ++gone; });
  Descriptor inherited(::dup(given.get()));
  CHECK(taken.hold->is_given());
  CHECK(taken.hold->held());
  given.reset();
  io.poll();
  CHECK(gone == 0);
  inherited.reset();
  CHECK_FALSE(taken.hold->held());
  io.restart();
  io.run();
  CHECK(gone == 1);
}

TEST_CASE("a directory that cannot be written is an error of the one who asks, not of the one who prepares") {
  const Place place;
  boost::asio::io_context io;
  HoldStock stock(io, place.directory.path() + "/missing");
  stock.refill();
  const auto taken = stock.take();
  REQUIRE_FALSE(taken.ok());
  CHECK(taken.error().text().find("missing/1: the session's file cannot be made") != std::string::npos);
}
