#include "server/connection_acceptor.h"

#include <dirent.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

constexpr int kPauseMs = 100;  // Between attempts while there are no free files.
constexpr int kForever = -1;

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

absl::StatusOr<AddressList> Resolve(const std::string& host, const std::string& port) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) return absl::UnavailableError(gai_strerror(error));
  return AddressList(found, &freeaddrinfo);
}

void Switch(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof(value));
}

// The port, or 0 after an error.
int ListenOn(int fd, const addrinfo& where, int port) {
  sockaddr_storage bound = {};
  std::memcpy(&bound, where.ai_addr, where.ai_addrlen);
  // The port is at the same place for both families.
  auto* any_family = reinterpret_cast<sockaddr_in*>(&bound);
  if (port != 0) any_family->sin_port = htons(static_cast<uint16_t>(port));
  Switch(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (where.ai_family == AF_INET6) Switch(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  socklen_t length = sizeof(bound);
  if (bind(fd, reinterpret_cast<sockaddr*>(&bound), where.ai_addrlen) != 0) return 0;
  if (listen(fd, SOMAXCONN) != 0) return 0;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0) return 0;
  return ntohs(any_family->sin_port);
}

// Hands on all connections that wait. False: the rest have to wait on.
bool AcceptAll(int listener, grpc::experimental::ExternalConnectionAcceptor& recipient) {
  while (true) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      Switch(fd, IPPROTO_TCP, TCP_NODELAY, 1);
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
      connection.listener_fd = listener;
      connection.fd = fd;
      recipient.HandleNewConnection(&connection);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return true;
    } else if (errno != EINTR && errno != ECONNABORTED) {  // Which are one connection's own.
      return false;
    }
  }
}

// The local port of a connected socket; 0 of whatever else the file is.
int PortOfConnection(int fd) {
  sockaddr_storage address = {};
  socklen_t length = sizeof(address);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  length = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  const bool is_ip = address.ss_family == AF_INET || address.ss_family == AF_INET6;
  return is_ip ? ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port) : 0;
}

// The files are gRPC's, which closes them when it pleases: so they are looked up.
void EndConnections(int port) {
  const auto close = [](DIR* folder) { closedir(folder); };
  const std::unique_ptr<DIR, decltype(close)> files(opendir("/proc/self/fd"), close);
  while (const dirent* file = files == nullptr ? nullptr : readdir(files.get())) {
    int fd = -1;
    if (!absl::SimpleAtoi(file->d_name, &fd) || PortOfConnection(fd) != port) continue;
    shutdown(fd, SHUT_WR);
  }
}

void AcceptUntilStopped(std::vector<pollfd> files, ConnectionAcceptor::Recipient recipient) {
  pollfd& stop = files.back();
  while (poll(files.data(), files.size(), kForever) >= 0 || errno == EINTR) {
    if (stop.revents != 0) return;
    bool took_all = true;
    for (const pollfd& file : files) {
      if (&file != &stop && file.revents != 0) took_all &= AcceptAll(file.fd, *recipient);
    }
    if (!took_all && poll(&stop, 1, kPauseMs) > 0) return;
  }
}

}  // namespace

ConnectionAcceptor::File::~File() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<std::pair<std::vector<ConnectionAcceptor::File>, int>> ConnectionAcceptor::Bind(
    const std::string& host, const std::string& port) {
  const absl::StatusOr<AddressList> found = Resolve(host, port);
  if (!found.ok()) return found.status();
  std::vector<File> listeners;
  int bound = 0;
  int error = 0;
  for (const addrinfo* where = found->get(); where != nullptr; where = where->ai_next) {
    File file(socket(where->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int own_port = file.get() < 0 ? 0 : ListenOn(file.get(), *where, bound);
    if (own_port == 0) {
      error = errno;
      continue;
    }
    bound = own_port;
    listeners.push_back(std::move(file));
  }
  if (listeners.empty()) return absl::UnavailableError(std::strerror(error));
  return std::pair(std::move(listeners), bound);
}

absl::StatusOr<ConnectionAcceptor> ConnectionAcceptor::Listen(const std::string& address) {
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.size() > 1 && host.front() == '[') host = host.substr(1, host.size() - 2);
  auto bound = Bind(host, address.substr(colon + 1));
  if (!bound.ok()) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": ", bound.status().message()));
  }
  File stop(eventfd(0, EFD_CLOEXEC));
  if (stop.get() < 0) return absl::UnavailableError(std::strerror(errno));
  return ConnectionAcceptor(absl::StrCat(address.substr(0, colon), ":", bound->second),
                            std::move(bound->first), std::move(stop));
}

void ConnectionAcceptor::Start(Recipient recipient) {
  std::vector<pollfd> files;
  for (const File& listener : listeners_) files.push_back({listener.get(), POLLIN, 0});
  files.push_back({stop_.get(), POLLIN, 0});
  thread_ = std::thread(AcceptUntilStopped, std::move(files), std::move(recipient));
}

void ConnectionAcceptor::Stop() {
  if (thread_.joinable()) {
    eventfd_write(stop_.get(), 1);
    thread_.join();
    int port = 0;
    if (absl::SimpleAtoi(address_.substr(address_.rfind(':') + 1), &port)) EndConnections(port);
  }
  listeners_.clear();
}

}  // namespace darkroom
