// SPDX-License-Identifier: MIT
#include "engines/driver.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <deque>
#include <utility>

#include "base/format.hpp"
#include "engines/etcd.hpp"
#include "engines/postgres.hpp"
#include "engines/redis.hpp"
#include "engines/zookeeper.hpp"
#include "process/boot_time.hpp"

namespace coord::engines {

namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto connect_patience = std::chrono::milliseconds(1500);
constexpr auto first_pause = std::chrono::milliseconds(50);
constexpr auto longest_pause = std::chrono::milliseconds(1000);
constexpr std::size_t unsent_limit = 64U << 20U;

// 144 bits, in letters.
std::string drawn_nonce() {
  std::array<unsigned char, 18> drawn{};
  std::array<unsigned char, 32> text{};
  ::RAND_bytes(drawn.data(), static_cast<int>(drawn.size()));
  const int size = ::EVP_EncodeBlock(text.data(), drawn.data(), static_cast<int>(drawn.size()));
  return {text.begin(), text.begin() + size};
}

class Connection;

class Connections final : public Driver {
 public:
  Connections(asio::io_context& io, Settings settings, Told told)
      : io_(io),
        settings_(std::move(settings)),
        told_(std::move(told)),
        context_(ssl::context::tls_client),
        pause_(io) {}
  ~Connections() override { Connections::stop(); }

  Status prepare();
  void start() override { connect(); }
  void stop() override;
  void ask(const engine::Request& request) override;
  std::string endpoint() const override;
  const About& about() const override { return about_; }

  // ---- for the connection
  std::string next_endpoint() const;
  std::unique_ptr<Adapter> make_adapter(const std::string& host) const;
  void tell(engine::Told told);
  void said(About about) { about_ = std::move(about); }
  void lost(const std::string& why);

  asio::io_context& io() { return io_; }
  ssl::context& context() { return context_; }
  const Settings& settings() const { return settings_; }
  const std::pair<std::string, std::uint16_t>& wanted() const { return settings_.url.endpoints.at(at_); }

 private:
  void connect();

  asio::io_context& io_;
  const Settings settings_;
  Told told_;
  ssl::context context_;
  asio::steady_timer pause_;
  std::shared_ptr<Connection> connection_;
  std::size_t at_ = 0, failed_ = 0;
  std::chrono::milliseconds wait_ = first_pause;
  bool up_ = false;
  bool stopped_ = false;
  About about_;
};

// One life of one connection.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Connections& owner, std::string host)
      : owner_(owner),
        host_(std::move(host)),
        adapter_(owner.make_adapter(host_)),
        resolver_(owner.io()),
        stream_(owner.io(), owner.context()),
        timer_(owner.io()),
        limit_(owner.io()) {}

  void begin();
  void close();
  void ask(const engine::Request& request) {
    if (!stands_) return;
    adapter_->ask(process::boot_now(), request);
    carry_out();
  }
  bool stands() const { return stands_; }
  const std::string& host() const { return host_; }

 private:
  bool tls() const { return owner_.settings().url.tls; }
  void connected();
  void ask_for_tls();
  void shake_hands();
  void ready();
  void read();
  void send(Bytes bytes);
  void write_next();
  void carry_out();
  void arm();
  void fail(std::string why);
  static std::string words(const error_code& error) { return error.message(); }

  Connections& owner_;
  const std::string host_;
  std::unique_ptr<Adapter> adapter_;
  tcp::resolver resolver_;
  ssl::stream<tcp::socket> stream_;
  asio::steady_timer timer_, limit_;
  std::array<std::uint8_t, 65536> buffer_{};
  std::deque<Bytes> unsent_;
  std::size_t unsent_bytes_ = 0;
  bool writing_ = false, stands_ = false, closed_ = false;
};

void Connection::begin() {
  const auto self = shared_from_this();
  limit_.expires_after(connect_patience);
  limit_.async_wait([self](const error_code& error) {
    if (!error && !self->stands_) self->fail("no connection comes about");
  });
  const auto& [host, port] = owner_.wanted();
  resolver_.async_resolve(host, std::to_string(port), [self](const error_code& error, const auto& found) {
    if (self->closed_) return;
    if (error) return self->fail("its name is not known: " + words(error));
    asio::async_connect(self->stream_.next_layer(), found,
                        [self](const error_code& failed, const tcp::endpoint&) {
                          if (self->closed_) return;
                          if (failed) return self->fail(words(failed));
                          self->connected();
                        });
  });
}

void Connection::connected() {
  error_code ignored;
  stream_.next_layer().set_option(tcp::no_delay(true), ignored);
  if (!tls()) return ready();
  if (owner_.settings().url.kind == EngineUrl::Kind::postgres) return ask_for_tls();
  shake_hands();
}

// PostgreSQL is asked first whether it has it.
void Connection::ask_for_tls() {
  const auto asked = std::make_shared<Bytes>(Postgres::tls_request());
  asio::async_write(stream_.next_layer(), asio::buffer(*asked),
                    [self = shared_from_this(), asked](const error_code& error, std::size_t) {
                      if (self->closed_) return;
                      if (error) return self->fail(words(error));
                      asio::async_read(self->stream_.next_layer(), asio::buffer(self->buffer_.data(), 1),
                                       [self](const error_code& failed, std::size_t) {
                                         if (self->closed_) return;
                                         if (failed) return self->fail(words(failed));
                                         if (self->buffer_[0] != 'S')
                                           return self->fail("it has no TLS: write postgres://");
                                         self->shake_hands();
                                       });
                    });
}

void Connection::shake_hands() {
  const std::string& name = owner_.wanted().first;
  SSL_set_tlsext_host_name(stream_.native_handle(), name.c_str());
  stream_.set_verify_callback(ssl::host_name_verification(name));
  stream_.async_handshake(ssl::stream_base::client, [self = shared_from_this()](const error_code& error) {
    if (self->closed_) return;
    if (error) return self->fail("TLS: " + words(error));
    self->ready();
  });
}

void Connection::ready() {
  stands_ = true;
  limit_.cancel();
  adapter_->begin(process::boot_now());
  carry_out();
  read();
}

void Connection::read() {
  if (closed_) return;
  const auto taken = [self = shared_from_this()](const error_code& error, std::size_t size) {
    if (self->closed_) return;
    if (error) return self->fail("the connection broke: " + words(error));
    self->adapter_->receive(process::boot_now(), ByteView(self->buffer_).first(size));
    self->carry_out();
    self->read();
  };
  if (tls()) {
    stream_.async_read_some(asio::buffer(buffer_), taken);
  } else {
    stream_.next_layer().async_read_some(asio::buffer(buffer_), taken);
  }
}

void Connection::send(Bytes bytes) {
  unsent_bytes_ += bytes.size();
  unsent_.push_back(std::move(bytes));
  if (unsent_bytes_ > unsent_limit) return fail("it takes nothing");
  if (!writing_) write_next();
}

void Connection::write_next() {
  if (closed_ || unsent_.empty()) return;
  writing_ = true;
  const auto written = [self = shared_from_this()](const error_code& error, std::size_t size) {
    if (self->closed_) return;
    if (error) return self->fail("the connection broke: " + words(error));
    self->unsent_bytes_ -= size;
    self->unsent_.pop_front();
    self->writing_ = false;
    self->write_next();
  };
  if (tls()) {
    asio::async_write(stream_, asio::buffer(unsent_.front()), written);
  } else {
    asio::async_write(stream_.next_layer(), asio::buffer(unsent_.front()), written);
  }
}

void Connection::carry_out() {
  const auto self = shared_from_this();
  for (Adapter::Action& action : adapter_->take()) {
    if (closed_) return;
    if (auto* bytes = std::get_if<Adapter::Write>(&action)) {
      send(std::move(bytes->bytes));
    } else if (auto* told = std::get_if<Adapter::Tell>(&action)) {
      owner_.tell(std::move(told->told));
    } else if (auto* about = std::get_if<About>(&action)) {
      owner_.said(std::move(*about));
    } else {
      fail(std::get<Adapter::Close>(action).why);
    }
  }
  if (!closed_) arm();
}

void Connection::arm() {
  const auto due = adapter_->deadline();
  if (!due) return;
  timer_.expires_after(std::max<Duration>(*due - process::boot_now(), Duration{}));
  timer_.async_wait([self = shared_from_this()](const error_code& error) {
    if (error || self->closed_) return;
    self->adapter_->tick(process::boot_now());
    self->carry_out();
  });
}

void Connection::fail(std::string why) {
  if (closed_) return;
  close();
  if (why.find(host_) == std::string::npos) why = fmt::format("{}: {}", host_, why);
  owner_.lost(why);
}

void Connection::close() {
  closed_ = true;
  error_code ignored;
  resolver_.cancel();
  timer_.cancel();
  limit_.cancel();
  stream_.next_layer().close(ignored);
}

// ---- which

Status Connections::prepare() {
  if (!settings_.url.tls) return done();
  error_code error;
  const auto wrong = [&](const std::string& file) {
    return Error{ErrorKind::unavailable, file, "it cannot be used: " + error.message(), "name a file in PEM"};
  };
  context_.set_verify_mode(ssl::verify_peer);
  if (settings_.ca.empty()) {
    context_.set_default_verify_paths(error);
  } else {
    context_.load_verify_file(settings_.ca, error);
  }
  if (error) return wrong(settings_.ca);
  if (!settings_.certificate.empty()) {
    context_.use_certificate_chain_file(settings_.certificate, error);
    if (error) return wrong(settings_.certificate);
    context_.use_private_key_file(settings_.key, ssl::context::pem, error);
    if (error) return wrong(settings_.key);
  }
  if (settings_.url.kind == EngineUrl::Kind::etcd) {
    constexpr std::array<unsigned char, 3> h2{2, 'h', '2'};
    SSL_CTX_set_alpn_protos(context_.native_handle(), h2.data(), h2.size());
  }
  return done();
}

std::unique_ptr<Adapter> Connections::make_adapter(const std::string& host) const {
  Access access;
  access.prefix = settings_.url.prefix;
  access.user = settings_.user;
  access.password = settings_.password;
  access.writer = settings_.writer;
  const bool tls = settings_.url.tls;
  switch (settings_.url.kind) {
    case EngineUrl::Kind::zookeeper:
      return std::make_unique<ZooKeeper>(std::move(access), host);
    case EngineUrl::Kind::redis:
      return std::make_unique<Redis>(std::move(access), host);
    case EngineUrl::Kind::postgres:
      access.nonce = drawn_nonce();
      return std::make_unique<Postgres>(std::move(access), host, tls);
    default:
      return std::make_unique<Etcd>(std::move(access), host, tls);
  }
}

void Connections::connect() {
  if (stopped_) return;
  connection_ = std::make_shared<Connection>(*this, fmt::format("{}:{}", wanted().first, wanted().second));
  connection_->begin();
}

void Connections::stop() {
  stopped_ = true;
  pause_.cancel();
  if (connection_) connection_->close();
  connection_.reset();
}

void Connections::ask(const engine::Request& request) {
  if (connection_) connection_->ask(request);
}

std::string Connections::endpoint() const {
  return connection_ && connection_->stands() ? connection_->host() : std::string();
}

void Connections::tell(engine::Told told) {
  if (std::holds_alternative<engine::Up>(told)) up_ = true;
  if (std::holds_alternative<engine::Reached>(told)) {
    failed_ = 0;
    wait_ = first_pause;
  }
  told_(std::move(told));
}

// The next one at once; after a round of all with a pause, and with a word.
void Connections::lost(const std::string& why) {
  if (stopped_) return;
  connection_.reset();
  const bool was_up = std::exchange(up_, false);
  at_ = (at_ + 1) % settings_.url.endpoints.size();
  const bool is_round = ++failed_ % settings_.url.endpoints.size() == 0;
  if (was_up || is_round) told_(engine::Down{why});
  pause_.expires_after(is_round ? wait_ : std::chrono::milliseconds(0));
  if (is_round) wait_ = std::min(wait_ * 2, longest_pause);
  pause_.async_wait([this](const error_code& error) {
    if (!error) connect();
  });
}

}  // namespace

Result<std::unique_ptr<Driver>> Driver::open(asio::io_context& io, Settings settings, Told told) {
  auto driver = std::make_unique<Connections>(io, std::move(settings), std::move(told));
  if (Status ready = driver->prepare(); !ready) return ready.error();
  return std::unique_ptr<Driver>(std::move(driver));
}

}  // namespace coord::engines
