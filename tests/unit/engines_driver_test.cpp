// SPDX-License-Identifier: MIT
// A connection to an engine: in which order what its adapter says goes out.
#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/format.hpp"
#include "engines/driver.hpp"
#include "process/boot_time.hpp"

using namespace coord;
using namespace coord::engines;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

// Says first that it is busy and then something to the server; looked at, it says more.
class Talker final : public Adapter {
 public:
  void begin(Instant) override {
    push(Native{native::Busy{}});
    write({'a'});
  }
  void receive(Instant, ByteView) override {}
  void ask(Instant, const engine::Request&) override {}
  void tick(Instant) override { write({'b'}); }
  std::optional<Instant> deadline() const override { return std::nullopt; }
};

// An engine of two servers. The first is as a process that is stopped: connections to it come about, for the
// kernel takes them, and nobody answers.
class FirstIsStopped {
 public:
  FirstIsStopped(asio::io_context& io, const std::string& kind)
      : stopped_(io, {asio::ip::address_v4::loopback(), 0}),
        next_(io, {asio::ip::address_v4::loopback(), 0}) {
    auto url = parse_engine_url(fmt::format("{}://127.0.0.1:{},127.0.0.1:{}", kind,
                                            stopped_.local_endpoint().port(), next_.local_endpoint().port()));
    REQUIRE(url);
    Settings settings;
    settings.url = *url;
    auto opened = Driver::open(io, std::move(settings), [this](const engine::Told& told) {
      if (std::holds_alternative<engine::Up>(told)) driver_->ask(engine::Load{1});
    });
    REQUIRE(opened);
    driver_ = std::move(*opened);
  }
  void start(std::function<void()> left) {
    next_.async_accept(
        [this, left = std::move(left)](const boost::system::error_code& error, asio::ip::tcp::socket) {
          if (error) return;
          after = process::boot_now() - began_;
          trouble = driver_->endpoints().front().trouble;
          driver_->stop();
          left();
        });
    driver_->start();
  }
  std::optional<Duration> after;  // so long it went to the next one
  std::string trouble;

 private:
  asio::ip::tcp::acceptor stopped_, next_;
  std::unique_ptr<Driver> driver_;
  const Instant began_ = process::boot_now();
};

}  // namespace

TEST_CASE("driver: a first server that takes the connection and never answers is left for the next in 2 s") {
  asio::io_context io;
  std::vector<std::unique_ptr<FirstIsStopped>> all;
  for (const char* kind : {"etcd", "zookeeper", "consul", "redis", "postgres"})
    all.push_back(std::make_unique<FirstIsStopped>(io, kind));
  for (const auto& one : all) {
    one->start([&] {
      if (std::ranges::all_of(all, [](const auto& each) { return each->after.has_value(); })) io.stop();
    });
  }
  io.run_for(20s);
  for (const auto& one : all) {
    REQUIRE(one->after);
    CHECK(*one->after < 5s);  // of a busy machine
    CHECK(one->trouble.find("no answer within 2 s") != std::string::npos);
  }
}

TEST_CASE("driver: what an adapter says when it is looked at goes out behind what it had said") {
  asio::io_context io;
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  auto url = parse_engine_url(fmt::format("etcd://127.0.0.1:{}", acceptor.local_endpoint().port()));
  REQUIRE(url);
  Settings settings;
  settings.url = *url;
  std::unique_ptr<Driver> driver;
  auto opened = Driver::open_native(
      io, std::move(settings), [](Access, const std::string&) { return std::make_unique<Talker>(); },
      [&](Adapter::Action) { driver->nudge(); }, [](engine::Told) {});
  REQUIRE(opened);
  driver = std::move(*opened);
  asio::ip::tcp::socket server(io);
  std::array<char, 16> buffer{};
  std::string heard;
  std::function<void()> read = [&] {
    server.async_read_some(asio::buffer(buffer),
                           [&](const boost::system::error_code& error, std::size_t size) {
                             if (error) return;
                             heard.append(buffer.data(), size);
                             if (heard.size() < 2) return read();
                             driver->stop();
                             io.stop();
                           });
  };
  acceptor.async_accept(server, [&](const boost::system::error_code& error) {
    if (!error) read();
  });
  driver->start();
  io.run_for(std::chrono::seconds(10));
  CHECK(heard == "ab");
}

TEST_CASE("driver: a server that was lost is told with when that was, until the log is read there again") {
  asio::io_context io;
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  const std::string here = fmt::format("127.0.0.1:{}", acceptor.local_endpoint().port());
  auto url = parse_engine_url("etcd://" + here);
  REQUIRE(url);
  Settings settings;
  settings.url = *url;
  auto opened = Driver::open_native(
      io, std::move(settings), [](Access, const std::string&) { return std::make_unique<Talker>(); },
      [](Adapter::Action) {},
      [&](const engine::Told& told) {
        if (std::holds_alternative<engine::Down>(told)) io.stop();
      });
  REQUIRE(opened);
  const std::unique_ptr<Driver> driver = std::move(*opened);
  CHECK(driver->endpoints().front().since == Instant{});
  const Instant before = process::boot_now();
  acceptor.async_accept([](const boost::system::error_code&, asio::ip::tcp::socket) {});  // and closes it
  driver->start();
  io.run_for(std::chrono::seconds(10));
  const Endpoint lost = driver->endpoints().front();
  CHECK(lost.address == here);
  CHECK_FALSE(lost.trouble.empty());
  CHECK(lost.since >= before);
  CHECK(lost.since <= process::boot_now());
  driver->stop();
}
