// SPDX-License-Identifier: MIT
#include "engines/driver.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "base/format.hpp"
#include "engines/consul.hpp"
#include "engines/etcd.hpp"
#include "engines/line.hpp"
#include "engines/postgres.hpp"
#include "engines/redis.hpp"
#include "engines/turns.hpp"
#include "engines/zookeeper.hpp"
#include "net/address.hpp"
#include "process/boot_time.hpp"

namespace coord::engines {

namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

// 144 bits, in letters.
std::string drawn_nonce() {
  std::array<unsigned char, 18> drawn{};
  std::array<unsigned char, 32> text{};
  ::RAND_bytes(drawn.data(), static_cast<int>(drawn.size()));
  const int size = ::EVP_EncodeBlock(text.data(), drawn.data(), static_cast<int>(drawn.size()));
  return {text.begin(), text.begin() + size};
}

// As people write it.
std::string address_of(const std::pair<std::string, std::uint16_t>& endpoint) {
  return net::Address{endpoint.first, endpoint.second}.text();
}

class Connection;

class Connections final : public Driver {
 public:
  Connections(asio::io_context& io, Settings settings, Told told)
      : io_(io),
        settings_(std::move(settings)),
        told_(std::move(told)),
        context_(ssl::context::tls_client),
        pause_(io),
        turns_(settings_.url.endpoints.size()),
        troubles_(settings_.url.endpoints.size()) {}
  ~Connections() override { Connections::stop(); }

  Status prepare();
  void use(MakeNative make, Native native) {
    make_ = std::move(make);
    native_ = std::move(native);
  }
  void start() override { connect(); }
  void stop() override;
  void ask(const engine::Request& request) override;
  void nudge() override;
  std::string endpoint() const override;
  const About& about() const override { return about_; }
  std::vector<Endpoint> endpoints() const override;

  // ---- for the connection
  std::string next_endpoint() const;
  std::unique_ptr<Adapter> make_adapter(const std::string& host) const;
  void tell(engine::Told told);
  void said(About about) { about_ = std::move(about); }
  void tell_native(Adapter::Action told) {
    if (native_) native_(std::move(told));
  }
  void lost(const std::string& why);

  asio::io_context& io() { return io_; }
  ssl::context& context() { return context_; }
  const Settings& settings() const { return settings_; }
  std::size_t address() const { return turns_.address(); }
  const std::pair<std::string, std::uint16_t>& wanted() const {
    return settings_.url.endpoints.at(turns_.endpoint());
  }

 private:
  void connect();

  asio::io_context& io_;
  const Settings settings_;
  Told told_;
  MakeNative make_;
  Native native_;
  ssl::context context_;
  asio::steady_timer pause_;
  std::shared_ptr<Connection> connection_;
  Turns turns_;
  struct Trouble {
    std::string why;  // the last connection ended
    Instant at{};
  };
  std::vector<Trouble> troubles_;  // of each endpoint
  std::uint64_t connections_ = 0;
  bool up_ = false;
  bool stopped_ = false;
  About about_;
};

// One life of one connection: of all the lines that its adapter wants.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Connections& owner, std::string host)
      : owner_(owner), host_(std::move(host)), adapter_(owner.make_adapter(host_)), timer_(owner.io()) {}

  void begin();
  void close();
  void ask(const engine::Request& request) {
    if (!stands()) return;
    adapter_->ask(process::boot_now(), request);
    carry_out();
  }
  void nudge() {
    if (!stands()) return;
    adapter_->tick(process::boot_now());
    carry_out();
  }
  bool stands() const { return standing_ == lines_.size(); }
  const std::string& host() const { return host_; }

 private:
  void add_line(unsigned number);
  void ask_aside();
  void ready();
  void carry_out();
  void carry_out(Adapter::Action&& action);
  void arm();
  void fail(std::string why);

  Connections& owner_;
  const std::string host_;
  std::unique_ptr<Adapter> adapter_;
  std::vector<std::shared_ptr<Line>> lines_;
  std::shared_ptr<Line> aside_;
  std::string told_aside_;
  std::size_t standing_ = 0;
  asio::steady_timer timer_;
  bool closed_ = false, carries_out_ = false;
};

void Connection::begin() {
  for (unsigned number = 0; number < adapter_->lines(); ++number) add_line(number);
  for (const auto& line : lines_) line->begin();
}

void Connection::add_line(unsigned number) {
  const std::weak_ptr<Connection> weak = shared_from_this();
  const auto& [host, port] = owner_.wanted();
  const EngineUrl& url = owner_.settings().url;
  Line::Way way{host, port, url.tls};
  way.first = owner_.address();
  // PostgreSQL is asked first whether it has it.
  if (url.kind == EngineUrl::Kind::postgres) {
    way.before_tls = Postgres::tls_request();
    way.without_tls = "it has no TLS: write postgres://";
  }
  Line::Heard heard;
  heard.stands = [weak] {
    if (const auto self = weak.lock(); self && ++self->standing_ == self->lines_.size()) self->ready();
  };
  heard.bytes = [weak, number](ByteView bytes) {
    const auto self = weak.lock();
    if (!self || self->closed_) return;
    self->adapter_->receive_on(process::boot_now(), number, bytes);
    self->carry_out();
  };
  heard.broke = [weak](std::string why) {
    if (const auto self = weak.lock()) self->fail(std::move(why));
  };
  lines_.push_back(std::make_shared<Line>(owner_.io(), owner_.context(), std::move(way), std::move(heard)));
}

void Connection::ready() {
  adapter_->begin(process::boot_now());
  carry_out();
  for (const auto& line : lines_) line->read();
  if (!closed_ && !adapter_->aside().empty()) ask_aside();
}

// Nothing hangs on it: whether it comes about or breaks is one.
void Connection::ask_aside() {
  constexpr std::size_t longest = 4096;
  const std::weak_ptr<Connection> weak = shared_from_this();
  const auto& [host, port] = owner_.wanted();
  Line::Way way{host, port, owner_.settings().url.tls};
  way.first = owner_.address();
  Line::Heard heard;
  heard.stands = [weak] {
    const auto self = weak.lock();
    if (!self || self->closed_) return;
    const ByteView asked = bytes_of(self->adapter_->aside());
    self->aside_->send(Bytes(asked.begin(), asked.end()));
    self->aside_->read();
  };
  heard.bytes = [weak](ByteView bytes) {
    const auto self = weak.lock();
    if (self && self->told_aside_.size() < longest) self->told_aside_.append(bytes.begin(), bytes.end());
  };
  heard.broke = [weak](const std::string&) {
    const auto self = weak.lock();
    if (!self || self->closed_) return;
    self->adapter_->told_aside(self->told_aside_);
    self->carry_out();
  };
  aside_ = std::make_shared<Line>(owner_.io(), owner_.context(), std::move(way), std::move(heard));
  aside_->begin();
}

// Who is told of something may have the adapter look at once: what it says then goes out behind all that it
// said before.
void Connection::carry_out() {
  const auto self = shared_from_this();
  if (std::exchange(carries_out_, true)) return;
  for (auto actions = adapter_->take(); !actions.empty(); actions = adapter_->take()) {
    for (Adapter::Action& action : actions) {
      if (closed_) return;
      carry_out(std::move(action));
    }
  }
  carries_out_ = false;
  if (!closed_) arm();
}

void Connection::carry_out(Adapter::Action&& action) {
  if (auto* bytes = std::get_if<Adapter::Write>(&action)) {
    lines_.at(bytes->line)->send(std::move(bytes->bytes));
  } else if (auto* told = std::get_if<Adapter::Tell>(&action)) {
    owner_.tell(std::move(told->told));
  } else if (auto* about = std::get_if<About>(&action)) {
    owner_.said(std::move(*about));
  } else if (const auto* end = std::get_if<Adapter::Close>(&action)) {
    fail(end->why);
  } else {
    owner_.tell_native(std::move(action));
  }
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
  const auto self = shared_from_this();
  close();
  if (why.find(host_) == std::string::npos) why = fmt::format("{}: {}", host_, why);
  owner_.lost(why);
}

void Connection::close() {
  closed_ = true;
  timer_.cancel();
  for (const auto& line : lines_) line->close();
  if (aside_) aside_->close();
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
  access.connection = connections_;
  const bool tls = settings_.url.tls;
  if (make_) {
    access.nonce = drawn_nonce();
    return make_(std::move(access), host);
  }
  switch (settings_.url.kind) {
    case EngineUrl::Kind::zookeeper:
      return std::make_unique<ZooKeeper>(std::move(access), host);
    case EngineUrl::Kind::consul:
      return std::make_unique<Consul>(std::move(access), host);
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
  ++connections_;
  connection_ = std::make_shared<Connection>(*this, address_of(wanted()));
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

void Connections::nudge() {
  if (connection_) connection_->nudge();
}

std::string Connections::endpoint() const {
  return connection_ && connection_->stands() ? connection_->host() : std::string();
}

std::vector<Endpoint> Connections::endpoints() const {
  std::vector<Endpoint> all;
  const std::string here = endpoint();
  for (std::size_t i = 0; i < troubles_.size(); ++i) {
    Endpoint one{address_of(settings_.url.endpoints[i]), false, troubles_[i].why, troubles_[i].at};
    one.connected = i == turns_.endpoint() && !here.empty() && one.trouble.empty();
    all.push_back(std::move(one));
  }
  return all;
}

void Connections::tell(engine::Told told) {
  if (std::holds_alternative<engine::Up>(told)) up_ = true;
  if (std::holds_alternative<engine::Reached>(told)) {
    turns_.reached();
    troubles_.at(turns_.endpoint()) = {};
  }
  told_(std::move(told));
}

// With a word after a round of all.
void Connections::lost(const std::string& why) {
  if (stopped_) return;
  const bool was_up = std::exchange(up_, false);
  connection_.reset();
  troubles_.at(turns_.endpoint()) = {why, process::boot_now()};
  about_.leader.reset();  // the next server says where it is now
  const Turns::Next next = turns_.lost();
  if (was_up || next.is_round) told_(engine::Down{why});
  pause_.expires_after(next.pause);
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

Result<std::unique_ptr<Driver>> Driver::open_native(asio::io_context& io, Settings settings, MakeNative make,
                                                    Native native, Told told) {
  auto driver = std::make_unique<Connections>(io, std::move(settings), std::move(told));
  if (Status ready = driver->prepare(); !ready) return ready.error();
  driver->use(std::move(make), std::move(native));
  return std::unique_ptr<Driver>(std::move(driver));
}

}  // namespace coord::engines
