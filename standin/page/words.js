// The strings of the page, in the locales the stand-in speaks.

import { state } from "./world.js";

const EN = {
  newChat: "New chat", menu: "Menu", chatList: "Chat list", searchResults: "Search results.",
  search: "Search or start a new chat", searchPanel: "Search name or number",
  chats: "Chats", contacts: "Contacts", messages: "Messages", notContacts: "Not in your contacts",
  onWhatsApp: "Contacts on WhatsApp", back: "Back",
  all: "All", unread: "Unread", favorites: "Favorites", groups: "Groups",
  nothing: "No chats, contacts or messages found", noResults: (q) => `No results found for '${q}'`,
  unreadCount: (n) => (n === 1 ? "1 unread message" : `${n} unread messages`),
  typeTo: (name) => `Type a message to ${name}`, typeToGroup: (name) => `Type a message to group ${name}`,
  type: "Type a message", send: "Send", voice: "Voice message", attach: "Attach",
  list: "Message list. Press right arrow key on a message to open message context menu.",
  info: "click here for contact info", profile: "Profile details", you: "You:", me: "Me",
  ack: [" Pending ", " Sent ", " Delivered ", " Read "],
  failed: "Something went wrong. Click to learn more.", notSent: "Your message was not sent.",
  again: "Try again", cancel: "Cancel", ok: "OK", readMore: "Read more", quoted: "Quoted message", today: "Today",
  encrypted: "Messages and calls are end-to-end encrypted. Only people in this chat can read, listen to, or share them.",
  yesterday: "Yesterday", localeName: "en-US",
  older: "Loading messages…", starting: "Starting chat", isntOn: (n) => `The number ${n} isn't on WhatsApp.`,
  invalidUrl: "Phone number shared via url is invalid.",
  document: "Document", media: "Photos & videos", camera: "Camera", audio: "Audio", contact: "Contact",
  poll: "Poll", event: "Event", sticker: "New sticker",
  caption: "Add a caption", addFile: "Add file", discard: "Discard selection?", discardIt: "Discard",
  sendFiles: (n) => `Send ${n} files`, sendSelected: (n) => `Send ${n} selected`, close: "Close",
  thumb: (name, i, n) => `Open document, ${name}, item ${i} of ${n}`,
  tooBig: (n, max) => `${n} file${n > 1 ? "s" : ""} you tried adding ${n > 1 ? "are" : "is"} larger than the ${max} limit.`,
  unsupported: (n) => `${n} file${n > 1 ? "s" : ""} you tried adding ${n > 1 ? "are" : "is"} not supported.`,
  empty: (n) => `${n} file${n > 1 ? "s" : ""} you tried adding have no content.`,
  intro: "Send and receive messages without keeping your phone online.", download: "Download",
  newGroup: "New group", selectChats: "Select chats", logOut: "Log out", logOutTitle: "Log out?", logOutSure: "Are you sure you want to log out?",
};

const PT = {
  ...EN,
  newChat: "Nova conversa", menu: "Menu", chatList: "Lista de conversas", searchResults: "Resultados da pesquisa.",
  search: "Pesquisar ou começar uma nova conversa", searchPanel: "Pesquisar nome ou número",
  chats: "Conversas", contacts: "Contatos", messages: "Mensagens", notContacts: "Não estão nos seus contatos",
  onWhatsApp: "Contatos no WhatsApp", back: "Voltar",
  all: "Tudo", unread: "Não lidas", favorites: "Favoritas", groups: "Grupos",
  unreadCount: (n) => (n === 1 ? "1 mensagem não lida" : `${n} mensagens não lidas`),
  typeTo: (name) => `Digite uma mensagem para ${name}`, typeToGroup: (name) => `Digite uma mensagem para o grupo ${name}`,
  type: "Digite uma mensagem", send: "Enviar", voice: "Mensagem de voz", attach: "Anexar",
  list: "Lista de mensagens. Pressione a seta para a direita em uma mensagem para abrir o menu.",
  info: "clique para mostrar os dados do contato", profile: "Dados do perfil", you: "Você:", me: "Eu",
  ack: [" Pendente ", " Enviada ", " Entregue ", " Lida "],
  failed: "Algo deu errado. Clique para saber mais.", notSent: "Sua mensagem não foi enviada.",
  yesterday: "Ontem", localeName: "pt-BR",
  again: "Tentar novamente", cancel: "Cancelar", readMore: "Ler mais", quoted: "Mensagem citada", today: "Hoje",
  encrypted: "As mensagens e ligações são protegidas com a criptografia de ponta a ponta.",
  starting: "Iniciando conversa", isntOn: (n) => `O número ${n} não está no WhatsApp.`,
  invalidUrl: "O número de telefone compartilhado através de url é inválido.",
  document: "Documento", media: "Fotos e vídeos", camera: "Câmera", audio: "Áudio", contact: "Contato",
  poll: "Enquete", event: "Evento", sticker: "Nova figurinha",
  caption: "Adicione uma legenda", addFile: "Adicionar arquivo", discard: "Descartar seleção?", discardIt: "Descartar",
  sendFiles: (n) => `Enviar ${n} arquivos`, sendSelected: (n) => `Enviar ${n} selecionados`, close: "Fechar",
  thumb: (name, i, n) => `Abrir documento, ${name}, item ${i} de ${n}`,
  newGroup: "Novo grupo", selectChats: "Selecionar conversas", logOut: "Desconectar", logOutTitle: "Desconectar?", logOutSure: "Tem certeza de que deseja desconectar?",
};

// w("send") gives a string, w("sendFiles", 3) fills it in.
export function w(key, ...args) {
  const value = (state.switches.locale === "pt" ? PT : EN)[key];
  return typeof value === "function" ? value(...args) : value;
}
