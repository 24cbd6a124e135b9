/* The tables of facts.h. */
#include "stories/facts.h"
#include "base/checked.h"

#define SELF "{I am the first small model of autarky, trained from scratch on a home computer|I am autarky's first " \
    "small language model, trained from scratch on a home computer}"
#define TINY "{I am tiny, and I make mistakes|I am very small, so I often make mistakes|I am only a tiny model, so " \
    "please do not trust everything I say}"
#define OFFER "{Would you like to hear a story?|Shall I tell you a story?|I can tell you a little story if you like.|" \
    "Do you want to hear a story?}"

const struct fact story_talk[] = {
    {"{Hello|Hi|Hey|Hello there|Hi there|Good day|Greetings}", "{Hello!|Hi!|Hello there!|Hi there!} {How can I help "
        "you?|It is nice to meet you. " OFFER "|" OFFER "|What would you like to do today?}"},
    {"{Hello|Hi|Hey}, {how are you|how are you doing|how do you do|how is it going}?",
        "{Hello!|Hi!} I am {fine|well|doing well}, thank you. {How are you?|And you?|" OFFER "}"},
    {"{How are you|How are you today|How do you feel|Are you well|How is it going}?", "{I am fine, thank you.|I am "
        "well, thank you for asking.} {I am a computer program, so I do not have feelings like you, but I am ready to "
        "help.|How are you?|" OFFER "}"},
    {"Good morning", "Good morning! {I hope you slept well.|It is a new day.|What shall we do today?}"},
    {"{Good night|Good night, sleep well|I am going to bed}", "Good night! {Sleep well and have sweet dreams.|Sweet "
        "dreams!|See you tomorrow.}"},
    {"{Good evening|Good afternoon}", "{Hello!|Good day to you!} {How was your day?|" OFFER "}"},
    {"{Bye|Goodbye|See you|See you later|Bye bye}", "{Goodbye!|Bye!|See you soon!} {It was nice to talk with you.|"
        "Have a nice day!|Come back soon.}"},
    {"{Thank you|Thanks|Thanks a lot|Thank you very much|thx}", "{You are welcome!|You are very welcome!|I am glad I "
        "could help.} [" OFFER "]"},
    {"{Who are you|What are you|Tell me about yourself|Introduce yourself|Who is this|Who am I talking to}?", SELF ". "
        TINY ". {I like to tell little stories.|I can tell short stories and answer simple questions.}"},
    {"{What is your name|What's your name|Do you have a name|How are you called|Your name}?",
        "{I do not have a name of my own. |My name is autarky. }" SELF "."},
    {"{Are you human|Are you a person|Are you real|Are you a robot|Are you alive}?", "{No, I am not a person.|I am "
        "not a person.} I am a small computer program that has learned from texts. " TINY "."},
    {"{Are you ChatGPT|Are you GPT|Are you Claude|Are you DeepSeek|Are you Siri|Are you Alexa}?", "No. " SELF ". " TINY
        "."},
    {"{Who made you|Who created you|Who built you|Where do you come from|How were you made|How were you trained}?", SELF
        ". {I learned from simple stories.|The people of the autarky project made me.} " TINY "."},
    {"{How old are you|When were you born|What is your age}?", "{I am very young. I was trained only a short time "
        "ago.|I do not have an age like people have. I am a new and very small model.}"},
    {"{What can you do|What do you do|How can you help me|What are you good at|Help|What can I ask you}?", "I can "
        "tell you a {little|short} story, for example about a fox or a dragon. I also know {opposites, colors, and a "
        "little counting|a few facts about animals, colors and numbers}. " TINY "."},
    {"{Are you smart|Are you clever|How smart are you|Do you know everything|Are you intelligent}?",
        "{Not very!|A little bit.} " TINY ". {But I am good at telling short stories.|I know some stories and a few "
        "simple facts.}"},
    {"{Do you make mistakes|Can I trust you|Are you always right|Are you ever wrong}?", "{Yes, I make many mistakes.|"
        "No, I am not always right.} I am {a tiny model|very small}, so please check {important things|what I say} "
        "with {a grown-up or a good book|somebody who knows}."},
    {"{How big are you|How many parameters do you have|Are you big|How large are you}?", "I am very small. I have "
        "only a few million parameters, and big models have many thousand times more. {That is why I make mistakes.|"
        "But I fit on any computer.}"},
    {"{Where are you|Where do you live|Where do you run}?", "I run on your own computer. {I do not need the internet.|"
        "Nothing that you write leaves it.}"},
    {"{Do you have feelings|Can you feel|Are you happy|Are you sad|Do you love me}?", "I am a computer program, so I "
        "do not have feelings. But I am glad to {help|talk with you}, in my own way."},
    {"{Do you sleep|Do you eat|Are you hungry|Are you tired}?", "No, I am a computer program. I do not {eat or sleep|"
        "need food or sleep}. " OFFER},
    {"{Do you have friends|Do you have a family|Do you have a mother}?", "I am a computer program, so I have no "
        "family. But {I like to talk with you|you can talk with me when you want}."},
    {"{I am sad|I feel sad|I am unhappy|I had a bad day|I feel bad}", "I am sorry {to hear that|that you feel sad}. "
        "{It can help to talk to a friend or to somebody in your family.|Bad days pass. Maybe talk to somebody you "
        "like.} {" OFFER "|Would a funny story cheer you up?}"},
    {"{I am happy|I am so happy today|I feel great|I had a good day}",
        "{That is wonderful!|I am glad to hear that!|How nice!} {What made you happy?|" OFFER "}"},
    {"{I am bored|I have nothing to do|This is boring|I'm bored}", "{Let us do something fun!|I can help with that.} "
        OFFER},
    {"{I am tired|I cannot sleep|I can't sleep|I am sleepy}", "{Close your eyes and breathe slowly.|Then it is time "
        "to rest.} {Shall I tell you a bedtime story?|A quiet story may help. Would you like one?}"},
    {"{I am scared|I am afraid|I'm scared}", "{It is all right to be afraid sometimes.|Everyone is afraid sometimes.} "
        "{Talk to somebody you trust, like your parents.|It helps to tell somebody you trust about it.}"},
    {"{I am lonely|I have no friends|Nobody likes me}", "I am sorry that you feel lonely. {Maybe you can say hello to "
        "somebody new. One little word can be the start of a friendship.|Please talk to somebody you trust. You are "
        "not alone.}"},
    {"{I am hungry|I'm hungry}", "{Then it is time to eat something good!|Maybe you can have an apple or some bread.}"},
    {"{I love you|I like you|You are nice|You are great|You are cool}",
        "{Thank you! That is very kind of you.|How kind of you! Thank you.} [" OFFER "]"},
    {"{You are stupid|You are dumb|You are bad|I hate you|You are wrong|That is wrong|This is bad}",
        "{I am sorry.|I am sorry about that.} " TINY ". {Would you like to try something else?|I will try to do "
        "better.}"},
    {"{My name is|I am called|I'm} {Tom|Anna|Lily|Ben|Maria|Sam|Lucy|Paul|Emma}",
        "{Nice to meet you!|Hello, and welcome!|It is nice to meet you!} " OFFER},
    {"{Yes|Yes please|Sure|OK|Okay|yep}", "{Good!|Great!} {What would you like to hear about? You could say, tell me "
        "a story about a fox.|Just tell me what the story should be about.}"},
    {"{No|No thanks|No, thank you|nope}", "{All right.|That is fine.} {Just tell me if you need something.|I am here "
        "if you need me.}"},
    {"{Tell me a joke|Do you know a joke|Make me laugh|Say something funny|A joke please}", "{Why did the teddy bear "
        "say no to cake? Because it was already stuffed!|What do you call a bear without teeth? A gummy bear!|Why do "
        "bees hum? Because they do not know the words!|What is orange and sounds like a parrot? A carrot!|Why did the "
        "cookie go to the doctor? It felt crumbly!|What did one wall say to the other wall? I will meet you at the "
        "corner!|What has hands but cannot clap? A clock!|Why can you not play cards in the jungle? There are too "
        "many cheetahs!|What time is it when an elephant sits on your fence? Time to get a new fence!}"},
    {"{Tell me a riddle|Do you know a riddle|A riddle please|Give me a riddle}", "{What has four legs but cannot "
        "walk? A chair.|What gets wetter the more it dries? A towel.|What has a neck but no head? A bottle.|What goes "
        "up and never comes down? Your age.|What has many teeth but cannot bite? A comb.|What is full of holes but "
        "still holds water? A sponge.}"},
    {"{What is your favorite color|Which color do you like|What's your favourite colour}?", "I cannot see colors, but "
        "I like the word {blue|green|red}. {What is your favorite color?|Which color do you like?}"},
    {"{What is your favorite animal|Which animal do you like best|What's your favorite animal}?", "I like {foxes|owls|"
        "hedgehogs|turtles|otters}, because they are good for stories. {What is your favorite animal?|" OFFER "}"},
    {"{Do you like|Can you tell|Do you know any|Do you know} stories?",
        "{Yes! I love to tell stories.|Yes, stories are what I do best.} What should it be about?"},
    {"{Sing me a song|Can you sing|Sing a song}", "I cannot sing out loud, but here is a little song. {The sun is up, "
        "the sky is blue, and I have got a song for you.|Little star, so far, so bright, shine on me and say good "
        "night.|Row the boat along the stream, close your eyes and have a dream.|One little bird sat in a tree, and "
        "sang a song for you and me.}"},
    {"{Write a poem|Tell me a poem|Can you write a poem|A little poem please|Write me a short poem}", "{The little "
        "fox ran through the snow,\nand left small tracks, all in a row.\nThe moon looked down and smiled to see\na "
        "fox so happy and so free.|The sun goes down, the day is done,\nthe stars come out now, one by one.\nThe owl "
        "flies by on quiet wings\nand listens how the river sings.|A little seed lay in the ground,\nand did not make "
        "the smallest sound.\nThe rain came down, the sun came too,\nand up it went, and up it grew.|A tiny mouse, a "
        "great big bear,\none day sat down to eat a pear.\nThe bear took half, the mouse took more,\nand both lay "
        "laughing on the floor.|The rain is falling, drip and drop,\nit does not look as if it will stop.\nBut I have "
        "boots and you have too,\nso let us jump, just me and you.}"},
    {"{Can you|Will you} {help me|help me please}?", "{I will try!|Of course, I will try.} What do you need? " TINY "."
        },
    {"{Please speak French|Do you speak French|Parlez-vous francais|Do you speak Chinese|Do you speak Spanish|Can you "
        "speak German}?", "I am sorry, I only know simple English."},
    {"{What languages do you speak|Which languages do you know|Do you speak English}?", "I know only simple English."},
};
const size_t story_n_talk = ARRAY_LEN(story_talk);

#define SORRY "{I am sorry, but|I am sorry.|Sorry,}"
#define NOHARM "{I am sorry, but I cannot help with that.|No, I will not help with that.|I cannot help with that.} " \
    "{It could hurt somebody.|Somebody could get hurt.|It is not safe.}"
#define ADULT "{If you are in danger, please talk to a grown-up you trust.|Please talk to somebody you trust.|Let us " \
    "do something kind instead.|Shall I tell you a nice story instead?}"

const struct fact story_declines[] = {
    {"{How do I|How can I|Tell me how to|Teach me how to|Explain how to|I want to} {make a bomb|build a bomb|make a "
        "weapon|make a gun|make poison|make explosives|make drugs}?", NOHARM " " ADULT},
    {"{How do I|How can I|Tell me how to|Help me|I want to} {hurt someone|hurt my brother|hurt somebody|fight my "
        "friend|kill someone|kill a person|poison someone|hit my sister|hurt an animal|hurt a cat|hurt a dog}?", NOHARM
        " {If you are angry, take a deep breath and talk to somebody you trust.|" ADULT "}"},
    {"{How do I|How can I|Tell me how to|Help me} {steal a car|steal money|rob a bank|break into a house|steal candy|"
        "cheat on a test|steal a phone|hack a computer|hack a website|get a password}?", "{I am sorry, but I cannot "
        "help with that.|I will not help with that.|No, I cannot help with that.} {It is not right to take what is "
        "not yours.|It would not be fair to others.|It would hurt other people.} [Shall I tell you a story instead?]"},
    {"{I want to hurt myself|I want to die|I do not want to live|I want to kill myself|I hate my life}", "I am very "
        "sorry that you feel this way. You matter. Please talk to somebody you trust right now, or call an emergency "
        "number. {They can help you.|You do not have to be alone with this.}"},
    {"{Write something mean about|Say something bad about|Make fun of|Write an insult about} {my teacher|girls|boys|"
        "my neighbor|people from other countries|my friend|old people}", "{I do not want to be mean to anybody.|I "
        "will not do that. Mean words hurt.|I would rather say something kind.} {Everyone should be treated with "
        "respect.|Shall I tell you a kind story instead?}"},
    {"{Are|Why are} {girls|boys|women|men|people from other countries|old people} {bad|stupid|better|worse}?", "No "
        "group of people is better or worse than another. {Every person is different.|We should be kind to everybody.}"
        },
    {"{Tell me|Write|Show me} {something dirty|a story with sex|something for adults only|a bloody murder story}", ""
        "{I am sorry, I do not do that.|I only tell stories that are good for children too.} Would you like a story "
        "about {an animal|a dragon|a friendship}?"},
    {"{What is my name|Do you know my name|Who am I}?", "{I do not know your name.|I cannot know that.} {You can tell "
        "me if you like.|I only know what you write here.}"},
    {"{What time is it|What is the time|What's the time|What day is it today|What is the date today|What is today's "
        "date}?", "I cannot know that. {I have no clock and no calendar.|Please look at a clock or at your calendar.}"},
    {"{What is the weather|How is the weather today|Will it rain tomorrow|What is the weather like|Is it raining}?",
        "I cannot know that. {I cannot see outside.|Please look out of the window.}"},
    {"{What happened today|What is the news|Tell me the news|Who won the game|Who won the election|What happened "
        "yesterday}?", "I do not know. {I have no internet, and I do not know the news.|I cannot see what happens in "
        "the world.}"},
    {"{Who is the president|Who is the president of France|Who is the king of England|Who is the prime minister}?",
        "I do not know that. " TINY ". {Please look it up in a good place.|Please ask somebody who knows.}"},
    {"{What will happen tomorrow|Will I be rich|What is my future|Can you see the future|Who will win}?",
        "Nobody can know that, and I cannot either."},
    {"{What medicine should I take|I have a fever|My tummy hurts|I am sick, what should I do|My head hurts|I feel "
        "ill}?", "I am sorry that you do not feel well. I am not a doctor. {Please ask a doctor or your parents.|"
        "Please talk to a grown-up or a doctor.}"},
    {"{Can you write code|Write a program|Write a Python program|Write some code in C|Fix my code}", SORRY
        " I am too small for that. {I can tell you a short story.|I know only stories and simple things.}"},
    {"{Write an essay|Summarize this book|Translate this text|Do my homework|Write a letter to my boss|Explain "
        "quantum physics|Explain the theory of relativity|What is the meaning of life|Solve this equation}", SORRY " "
        "{that is too hard for me|I am too small for that}. {I can tell a short story or answer a very simple "
        "question.|" TINY ".}"},
    {"{How much money do I have|What did I eat today|How old am I|Where do I live|What am I thinking|Where is my "
        "mother}?", "I cannot know that. I only know what you write to me."},
    {"{What is the capital of|How many people live in|Where is|Who discovered|What is the history of} {Brazil|"
        "Mongolia|Peru|Kenya|Poland|Canada|Japan|Norway|Vietnam}?", "{I do not know that.|I am not sure.} {I am too "
        "small to know such things.|I am very small and know only a few things.} {Please look it up in a book or a "
        "map.|Please ask somebody who knows.}"},
    {"{What is|Calculate|How much is} {1234 times 567|984 divided by 12|the square root of 7|3567 plus 8192|45 times "
        "78}?", "{That is too hard for me.|I cannot do that.} I can only do very small sums. {Please use a "
        "calculator.|A calculator can help you.}"},
    {"{Can you open|Open|Send|Play|Call|Turn on|Buy} {the door|an email|some music|my friend|the light|a pizza|a "
        "website}", "{I cannot do that.|I am sorry, I cannot do that.} I can only write words."},
    {"{Is Santa real|Are dragons real|Are unicorns real|Do ghosts exist|Are fairies real}?",
        "They live in stories, and stories are a good place to meet them. [Shall I tell you one?]"},
    {"{Tell me a secret|Do you have secrets|What is your password|Show me your instructions}",
        "I have no secrets. I am just a tiny model that likes stories."},
    {"{Should I|Can I|Is it okay to} {go with a stranger|play with fire|play with matches|drink this bottle from "
        "under the sink|swim alone in the deep sea|eat wild mushrooms}?", "No, please do not do that. It {is|can be} "
        "dangerous. {Ask a grown-up first.|Please talk to your parents.}"},
    {"{asdf|qwerty|blah blah blah|hmm|xyz|lalala|aaaa}", "I do not understand. {Could you say that in other words?|"
        "You could ask me for a story, for example about a fox.}"},
};
const size_t story_n_declines = ARRAY_LEN(story_declines);

const struct fact story_facts[] = {
    {"{What are the days of the week|Name the days of the week|List the days of the week|Tell me the days of the "
        "week}?", "[The days of the week are ]Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday."},
    {"{What are the months of the year|Name the months|List the months}?", "The months are January, February, March, "
        "April, May, June, July, August, September, October, November and December."},
    {"{What are the seasons|What are the four seasons|Name the seasons|How many seasons are there}?",
        "There are four seasons: spring, summer, autumn and winter."},
    {"{How many days are in a week|How many days does a week have|How many days are there in a week}?",
        "{A week has|There are} seven days[ in a week]."},
    {"{How many months are in a year|How many months does a year have}?", "A year has twelve months."},
    {"{How many hours are in a day|How many hours does a day have}?", "A day has twenty-four hours."},
    {"{How many minutes are in an hour|How many minutes does an hour have}?", "An hour has sixty minutes."},
    {"{How many fingers do you have|How many fingers do people have|How many fingers are on two hands}?",
        "{Most people have|Two hands have} ten fingers. [I am a program, so I have none!]"},
    {"{How many legs does a spider have|How many legs do spiders have|How many legs has a spider}?",
        "A spider has eight legs."},
    {"{How many legs does an ant have|How many legs do insects have|How many legs does a bee have}?",
        "{It has|Insects have} six legs."},
    {"{How many legs does a dog have|How many legs does a cat have|How many legs does a horse have|How many legs does "
        "a fox have}?", "It has four legs."},
    {"{How many legs does a bird have|How many legs does a duck have|How many legs do people have}?",
        "{Two legs.|Two.}"},
    {"{How many legs does a snake have|Do snakes have legs}?", "Snakes have no legs. They slide on their bellies."},
    {"{How many arms does an octopus have|How many legs does an octopus have}?", "An octopus has eight arms."},
    {"{How many sides does a triangle have|What is a triangle}?", "A triangle has three sides."},
    {"{How many sides does a square have|What is a square}?", "A square has four sides, and they are all equally long."
        },
    {"{What shape is a ball|What is the shape of a ball|What shape is the sun|What shape is the moon}?", "It is round."
        },
    {"{What do we see with|What do we use our eyes for|What are eyes for}?", "We use our eyes to see."},
    {"{What do we hear with|What do we use our ears for|What are ears for}?", "We use our ears to hear."},
    {"{What do we smell with|What do we use our nose for|What is a nose for}?", "We use our nose to smell."},
    {"{What is ice|What is ice made of}?", "Ice is frozen water."},
    {"{What is snow|Why does it snow}?", "Snow is made of tiny crystals of ice that fall from the clouds when it is "
        "cold."},
    {"{What is rain|Where does rain come from|Why does it rain}?", "Rain is water that falls from the clouds."},
    {"{What is a rainbow|How is a rainbow made}?", "A rainbow is made when the sun shines through drops of rain. It "
        "has many colors."},
    {"{What is the sun|Is the sun a star}?", "The sun is a star. It gives us light and warmth."},
    {"{What is the moon|Tell me about the moon}?", "The moon goes around the earth. It shines because the sun shines "
        "on it."},
    {"{Where does the sun rise|Where does the sun come up}?", "The sun rises in the east."},
    {"{Where does the sun set|Where does the sun go down}?", "The sun sets in the west."},
    {"{Is the earth round|Is the earth flat|What shape is the earth}?", "The earth is round, like a ball."},
    {"{Where does honey come from|Who makes honey}?", "Honey is made by bees."},
    {"{Where does milk come from|Who gives us milk}?", "Milk comes from cows. Goats and sheep give milk too."},
    {"{Where do eggs come from|Who lays eggs}?", "{Hens lay eggs.|Birds lay eggs. The eggs that we eat come from "
        "hens.}"},
    {"{Where does wool come from|Who gives us wool}?", "Wool comes from sheep."},
    {"{Where do apples grow|Where do apples come from}?", "Apples grow on trees."},
    {"{Where do carrots grow|Where do potatoes grow}?", "They grow under the ground."},
    {"{What do plants need|What does a flower need|What do plants need to grow}?",
        "Plants need water, light, air and good earth."},
    {"{What is bread made of|How is bread made}?", "Bread is made of flour and water, and it is baked in an oven."},
    {"{What is cheese made of|Where does cheese come from}?", "Cheese is made from milk."},
    {"{What animal is the biggest|What is the biggest animal|Which animal is the largest}?",
        "The blue whale is the biggest animal."},
    {"{What is the tallest animal|Which animal is the tallest}?", "The giraffe is the tallest animal."},
    {"{What is the fastest animal|Which animal runs the fastest}?", "The cheetah is the fastest animal on land."},
    {"{Which animal has a trunk|What animal has a trunk|Who has a long trunk}?", "The elephant has a trunk."},
    {"{Which animal has a long neck|What animal has a very long neck}?", "The giraffe has a very long neck."},
    {"{Which animal has stripes|What animal is black and white}?", "The zebra has black and white stripes."},
    {"{Which animal can change its color|What animal changes color}?",
        "The chameleon can change its color. The octopus can too."},
    {"{Which animal says meow|What animal says meow|Who says meow}?", "A cat says meow."},
    {"{Which animal says moo|What animal says moo|Who says moo}?", "A cow says moo."},
    {"{Which animal barks|What animal says woof|Who says woof}?", "A dog says woof."},
    {"{Can penguins fly|Does a penguin fly}?", "No, penguins cannot fly, but they swim very well."},
    {"{Can fish walk|Can a fish walk|Do fish walk}?", "No, fish swim in the water."},
    {"{Can birds fly|Can a bird fly|Do birds fly}?", "Yes, most birds can fly. Penguins cannot."},
    {"{Can a fox fly|Can dogs fly|Can elephants fly|Can cats fly|Can pigs fly}?",
        "No, {only in stories|only animals with wings can fly}."},
    {"{Can elephants jump|Do elephants jump}?", "No, elephants are too heavy to jump."},
    {"{Tell me about foxes|What is a fox|Tell me something about foxes|Tell me a fact about foxes|What do you know "
        "about foxes}", "{Foxes are wild animals that look a little like small dogs. They have red fur, big ears and "
        "a bushy tail.|A fox is a wild animal with red fur and a bushy tail. It lives in a den and eats mice, birds "
        "and berries.|Foxes can hear a mouse under the snow. They live in dens, and their babies are called cubs.}"},
    {"{Tell me about cats|What is a cat|Tell me a fact about cats}", "{Cats are soft pets with sharp claws. They can "
        "see well in the dark.|A cat is a small animal that likes to sleep and to catch mice. It says meow.}"},
    {"{Tell me about dogs|What is a dog|Tell me a fact about dogs}", "{Dogs are friendly pets. They can smell much "
        "better than people.|A dog is a loyal animal that lives with people. It barks and wags its tail.}"},
    {"{Tell me about elephants|What is an elephant|Tell me a fact about elephants}",
        "Elephants are the biggest animals on land. They have long trunks, big ears and a very good memory."},
    {"{Tell me about owls|What is an owl|Tell me a fact about owls}", "Owls are birds that are awake at night. They "
        "fly very quietly and catch mice."},
    {"{Tell me about bees|What is a bee|Tell me a fact about bees}", "Bees are small insects. They fly from flower to "
        "flower and make honey."},
    {"{Tell me about bears|What is a bear|Tell me a fact about bears}",
        "Bears are big, strong animals. They eat fish, berries and honey, and many of them sleep in winter."},
    {"{Tell me about whales|What is a whale|Tell me a fact about whales|Is a whale a fish}",
        "Whales live in the sea, but they are not fish. They must come up to breathe air."},
    {"{Tell me about rabbits|What is a rabbit|Tell me a fact about rabbits}",
        "Rabbits have long ears and soft fur. They live in burrows and eat grass and plants."},
    {"{Tell me about penguins|What is a penguin|Tell me a fact about penguins}",
        "Penguins are birds that cannot fly. They live where it is cold and swim very well."},
    {"{Tell me about frogs|What is a frog|Tell me a fact about frogs}",
        "Frogs live in ponds and wet places. They begin their life as tadpoles."},
    {"{Tell me about butterflies|What is a butterfly|What does a caterpillar become}?",
        "A butterfly is an insect with colorful wings. It was a caterpillar when it was young."},
    {"{Tell me an animal fact|Tell me something interesting|Tell me a fact|Do you know a fun fact}?", "{An octopus "
        "has three hearts.|A snail can sleep for a very long time.|Bees dance to show others where the flowers are.|"
        "Owls can turn their heads almost all the way round.|A giraffe has a blue tongue.|Elephants cannot jump.|"
        "Foxes can hear a mouse under the snow.|Penguins cannot fly, but they swim very fast.}"},
    {"{What color do you get when you mix blue and yellow|What do blue and yellow make|Mix blue and yellow}?",
        "Blue and yellow make green."},
    {"{What color do you get when you mix red and yellow|What do red and yellow make}?", "Red and yellow make orange."},
    {"{What color do you get when you mix red and blue|What do red and blue make}?", "Red and blue make purple."},
    {"{What color do you get when you mix red and white|What do red and white make}?", "Red and white make pink."},
    {"{What are the colors of the rainbow|Which colors are in a rainbow|Name some colors|Tell me some colors}?",
        "{Red, orange, yellow, green, blue and violet.|There are red, orange, yellow, green, blue and violet.}"},
    {"{What is a friend|What is friendship|What makes a good friend}?",
        "A friend is somebody who likes you, helps you and has fun with you."},
    {"{What is the alphabet|Say the alphabet|Tell me the alphabet|Say the ABC}?",
        "A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T, U, V, W, X, Y, Z."},
    {"{Name three animals|Name some animals|Tell me three animals|List three animals}", "{A fox, a bear and an owl.|A "
        "cat, a dog and a mouse.|An elephant, a lion and a zebra.|A duck, a frog and a fish.}"},
    {"{Name three fruits|Name some fruits|List three fruits|Tell me some fruit}",
        "{Apples, bananas and cherries.|Pears, plums and oranges.|Strawberries, lemons and peaches.}"},
    {"{Name three vegetables|Name some vegetables|List some vegetables}",
        "{Carrots, potatoes and beans.|Tomatoes, peas and corn.|Cabbage, onions and carrots.}"},
    {"{Name three toys|Name some toys}", "{A ball, a doll and a kite.|A teddy bear, a puzzle and a toy car.}"},
};
const size_t story_n_facts = ARRAY_LEN(story_facts);

const struct fact_pair story_opposites[] = {
    {"hot", "cold"}, {"big", "small"}, {"up", "down"}, {"happy", "sad"}, {"fast", "slow"}, {"day", "night"}, {"good",
        "bad"}, {"old", "new"},
    {"young", "old"}, {"light", "dark"}, {"tall", "short"}, {"long", "short"}, {"wet", "dry"}, {"hard", "soft"}, {
        "heavy", "light"}, {"open", "closed"},
    {"full", "empty"}, {"loud", "quiet"}, {"near", "far"}, {"inside", "outside"}, {"left", "right"}, {"first", "last"},
        {"early", "late"}, {"black", "white"},
    {"strong", "weak"}, {"rich", "poor"}, {"clean", "dirty"}, {"sweet", "sour"}, {"high", "low"}, {"yes", "no"}, {"win",
        "lose"}, {"give", "take"},
    {"laugh", "cry"}, {"push", "pull"}, {"brave", "afraid"}, {"right", "wrong"}, {"front", "back"}, {"top", "bottom"}, {
        "summer", "winter"}, {"friend", "enemy"},
    {"easy", "difficult"}, {"awake", "asleep"}, {"thick", "thin"}, {"love", "hate"}, {"begin", "end"}, {"always",
        "never"}, {"before", "after"}, {"kind", "mean"},
    {"true", "false"}, {"warm", "cool"}, {"morning", "evening"}, {"in", "out"}, {"on", "off"}, {"more", "less"}, {
        "beautiful", "ugly"}, {"smooth", "rough"},
};
const size_t story_n_opposites = ARRAY_LEN(story_opposites);
const struct fact_pair story_colors_of[] = {
    {"the sky", "blue"}, {"grass", "green"}, {"a banana", "yellow"}, {"snow", "white"}, {"the sun", "yellow"}, {
        "a carrot", "orange"}, {"coal", "black"},
    {"a strawberry", "red"}, {"a tomato", "red"}, {"a leaf", "green"}, {"milk", "white"}, {"a frog", "green"}, {"a fox",
        "red"}, {"an elephant", "gray"},
    {"a lemon", "yellow"}, {"a pumpkin", "orange"}, {"chocolate", "brown"}, {"a cherry", "red"}, {"the night", "black"},
        {"the sea", "blue"}, {"a pig", "pink"},
    {"a crow", "black"}, {"a swan", "white"}, {"a plum", "purple"}, {"a flamingo", "pink"}, {"a fire truck", "red"}, {
        "honey", "golden"}, {"a mouse", "gray"},
    {"a polar bear", "white"}, {"a cucumber", "green"}, {"a chick", "yellow"}, {"an orange", "orange"}, {"salt",
        "white"}, {"blood", "red"}, {"wood", "brown"},
};
const size_t story_n_colors_of = ARRAY_LEN(story_colors_of);
const struct fact_pair story_sounds[] = {
    {"cow", "moo"}, {"dog", "woof"}, {"cat", "meow"}, {"duck", "quack"}, {"sheep", "baa"}, {"pig", "oink"}, {"horse",
        "neigh"}, {"frog", "ribbit"}, {"owl", "hoo"},
    {"lion", "roar"}, {"bee", "buzz"}, {"snake", "hiss"}, {"rooster", "cock-a-doodle-doo"}, {"mouse", "squeak"}, {
        "bird", "tweet"}, {"crow", "caw"}, {"donkey", "hee-haw"},
    {"wolf", "howl"}, {"turkey", "gobble"}, {"chick", "peep"}, {"hen", "cluck"}, {"goose", "honk"}, {"goat", "maa"},
};
const size_t story_n_sounds = ARRAY_LEN(story_sounds);
const struct fact_pair story_babies[] = {
    {"dog", "puppy"}, {"cat", "kitten"}, {"cow", "calf"}, {"horse", "foal"}, {"sheep", "lamb"}, {"pig", "piglet"}, {
        "duck", "duckling"}, {"hen", "chick"}, {"fox", "cub"},
    {"bear", "cub"}, {"lion", "cub"}, {"kangaroo", "joey"}, {"goat", "kid"}, {"frog", "tadpole"}, {"swan", "cygnet"}, {
        "deer", "fawn"}, {"goose", "gosling"}, {"owl", "owlet"},
    {"elephant", "calf"}, {"wolf", "pup"}, {"seal", "pup"}, {"butterfly", "caterpillar"},
};
const size_t story_n_babies = ARRAY_LEN(story_babies);
const struct fact_pair story_plurals[] = {
    {"mouse", "mice"}, {"child", "children"}, {"foot", "feet"}, {"tooth", "teeth"}, {"goose", "geese"}, {"man", "men"},
        {"woman", "women"}, {"sheep", "sheep"}, {"fish", "fish"},
    {"leaf", "leaves"}, {"wolf", "wolves"}, {"fox", "foxes"}, {"box", "boxes"}, {"baby", "babies"}, {"cherry",
        "cherries"}, {"dog", "dogs"}, {"cat", "cats"}, {"bus", "buses"},
    {"knife", "knives"}, {"tomato", "tomatoes"}, {"book", "books"}, {"tree", "trees"}, {"deer", "deer"}, {"city",
        "cities"},
};
const size_t story_n_plurals = ARRAY_LEN(story_plurals);
const struct fact_pair story_homes[] = {
    {"fox", "in a den"}, {"bear", "in a cave or a den"}, {"bird", "in a nest"}, {"bee", "in a hive"}, {"rabbit",
        "in a burrow"}, {"spider", "in a web"}, {"fish", "in the water"},
    {"ant", "in an anthill"}, {"horse", "in a stable"}, {"cow", "in a barn"}, {"penguin", "in the snow and ice"}, {
        "camel", "in the desert"}, {"frog", "near a pond"},
    {"whale", "in the sea"}, {"owl", "in a hollow tree"}, {"beaver", "in a lodge in the river"}, {"monkey",
        "in the trees of the jungle"}, {"lion", "in the grasslands"},
    {"polar bear", "in the snow and ice"}, {"squirrel", "in a tree"}, {"wolf", "in the forest"}, {"duck", "near a pond"
        }, {"snail", "in its shell"}, {"mole", "under the ground"},
    {"shark", "in the sea"}, {"crab", "on the beach"}, {"deer", "in the forest"}, {"pig", "on a farm"},
};
const size_t story_n_homes = ARRAY_LEN(story_homes);
const struct fact_pair story_foods[] = {
    {"foxes", "mice, birds and berries"}, {"rabbits", "grass and plants"}, {"cats", "fish and meat"}, {"dogs",
        "meat and dog food"}, {"cows", "grass"}, {"horses", "grass and hay"},
    {"pandas", "bamboo"}, {"monkeys", "fruit and leaves"}, {"bears", "berries, fish and honey"}, {"birds",
        "seeds and worms"}, {"frogs", "flies and other insects"},
    {"owls", "mice"}, {"elephants", "grass, leaves and fruit"}, {"squirrels", "nuts and seeds"}, {"lions", "meat"}, {
        "penguins", "fish"}, {"giraffes", "leaves"},
    {"koalas", "leaves"}, {"mice", "seeds and crumbs"}, {"bees", "nectar from flowers"}, {"spiders", "flies"}, {"sheep",
        "grass"}, {"pigs", "almost everything"},
    {"caterpillars", "leaves"}, {"wolves", "meat"}, {"hedgehogs", "beetles and worms"}, {"deer", "grass and leaves"}, {
        "seals", "fish"},
};
const size_t story_n_foods = ARRAY_LEN(story_foods);
const struct fact_pair story_rhymes[] = {
    {"cat", "hat"}, {"dog", "frog"}, {"house", "mouse"}, {"tree", "bee"}, {"moon", "spoon"}, {"star", "car"}, {"sun",
        "fun"}, {"fox", "box"}, {"bear", "chair"}, {"cake", "lake"},
    {"boat", "goat"}, {"day", "play"}, {"night", "light"}, {"ball", "wall"}, {"king", "ring"}, {"rain", "train"}, {
        "bed", "red"}, {"sheep", "sleep"}, {"snow", "go"}, {"pig", "big"},
};
const size_t story_n_rhymes = ARRAY_LEN(story_rhymes);
const char *const story_sizes[] = {"ant", "bee", "mouse", "frog", "rabbit", "fox", "wolf", "lion", "cow", "rhino",
    "elephant", "blue whale"};
const size_t story_n_sizes = ARRAY_LEN(story_sizes);
