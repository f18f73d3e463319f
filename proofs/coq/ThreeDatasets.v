(* elasticity-finite-size, elasticity-finite-size-sharp, elasticity-disjoint, elasticity-paper, elasticity-paper-fixed-roles,
   elasticity-alignment-concave (docs/theory.md, The elasticity theorem): the paper's reading, D_p = D_1 ∪ D_2 ∪ D_3, D_a like one of
   them, D_t like another; the case N = 3 of AnyNumber.v. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Line Elasticity AnyNumber.
Open Scope R_scope.

Section ThreeDatasets.
Variables (M : nat) (p : nat -> nat -> R) (k l : R).
Hypothesis p_nonneg : forall s j, (s < 3)%nat -> (j < M)%nat -> 0 <= p s j.
Hypothesis unit : forall s, (s < 3)%nat -> Sum M (p s) = 1.
Hypothesis leaf_mass : forall j, (j < M)%nat -> 0 < p 0%nat j + p 1%nat j + p 2%nat j.
Hypothesis k_pos : 0 < k.
Hypothesis l_nonneg : 0 <= l.
Definition third j := (p 0%nat j + p 1%nat j + p 2%nat j) / 3.                       (* the pre-training data *)
(* a and b take the roles of alignment and perturbation; the mass of a leaf is k (p_0+p_1+p_2)/3 + p_a + l p_b *)
Definition D3 a b u := Derive (gamma M k third (p a) (p b) u) l.
Definition six (f : nat -> nat -> R) := f 0%nat 1%nat + f 0%nat 2%nat + f 1%nat 0%nat + f 1%nat 2%nat + f 2%nat 0%nat + f 2%nat 1%nat.
Lemma m_third j : m 3 p j = third j.
Proof. unfold m, third. simpl. field. Qed.
Lemma m_pos j : (j < M)%nat -> 0 < m 3 p j.
Proof. intros Hj. rewrite m_third. specialize (leaf_mass j Hj). unfold third. lra. Qed.
Lemma D_D3 a b u u' : (forall j, (j < M)%nat -> u j = u' j) -> D 3 M p k l a b u = D3 a b u'.
Proof.
  intros U. apply Derive_ext. intros x. unfold gamma. f_equal. apply Sum_ext. intros j Hj. rewrite m_third, U by auto. reflexivity.
Qed.
Lemma pairs_six f : Pairs 3 f = six f.
Proof. unfold Pairs, six. cbn. ring. Qed.
Lemma six_ext f g : (forall a b, f a b = g a b) -> six f = six g.
Proof. intros H. unfold six. rewrite !H. reflexivity. Qed.
Theorem elasticity_finite_size : 0 <= six (fun a b => D3 a b (p a)) / 6 /\ (l <= 1/2 -> six (fun a b => D3 a b third) / 6 <= 0).
Proof.
  destruct (elasticity_any_number 3 M p k l ltac:(lia) p_nonneg unit m_pos k_pos l_nonneg) as (_ & A & _ & B).
  rewrite pairs_six in A. rewrite pairs_six in B.
  rewrite (six_ext _ (fun a b => D3 a b (p a))) in A by (intros; apply D_D3; auto).
  rewrite (six_ext _ (fun a b => D3 a b third)) in B by (intros; apply D_D3; intros; apply m_third).
  split; [lra|]. intros H. simpl INR in B. specialize (B ltac:(lra)). lra.
Qed.
(* the perturbation's dataset shares no leaf with the other two *)
Theorem elasticity_disjoint a b : (a < 3)%nat -> (b < 3)%nat -> a <> b ->
  (forall s j, (s < 3)%nat -> (j < M)%nat -> s <> b -> p s j * p b j = 0) ->
  D3 a b (p a) = / (k + 1 + l) /\ D3 a b third = (2 * l - 1) / ((k + 1 + l) * (k + 3 * l)) /\
  D3 a b (p a) * (1 - 2 * l) = - (k + 3 * l) * D3 a b third /\ (D3 a b third < 0 <-> l < 1/2).
Proof.
  intros Ha Hb Hab Dis.
  destruct (elasticity_disjoint_any_number 3 M p k l ltac:(lia) p_nonneg unit m_pos k_pos l_nonneg a b Dis Ha Hb Hab) as (A & B & S).
  rewrite (D_D3 a b (p a) (p a)) in A by auto. rewrite (D_D3 a b (m 3 p) third) in B, S by (intros; apply m_third).
  replace (INR 3) with 3 in * by (simpl; ring).
  assert (B' : D3 a b third = (2 * l - 1) / ((k + 1 + l) * (k + 3 * l))) by (rewrite B; f_equal; ring).
  repeat split; auto.
  - rewrite A, B'. field. lra.
  - intros H. apply S in H. lra.
  - intros H. apply S. lra.
Qed.
(* Thm 4.2 of the paper, averaged over the ways to give the roles: both signs, and the ratio tends to -k *)
Theorem elasticity_paper : let both a b := D3 a b (p a) + k * D3 a b third in
  0 <= six (fun a b => D3 a b (p a)) / 6 /\ (l <= 1/2 -> six (fun a b => D3 a b third) / 6 <= 0) /\
  0 <= six both / 6 <= l * (3 / (k + 3 * l) - / (k + 1 + l)).
Proof.
  intros both. destruct elasticity_finite_size as [A B]. split; [exact A|split; [exact B|]].
  assert (G : forall a b, (a < 3)%nat -> (b < 3)%nat -> 0 <= both a b <= l * (3 / (k + 3 * l) - / (k + 1 + l))).
  { intros a b Ha Hb. pose proof (paper_gap 3 M p k l ltac:(lia) p_nonneg unit m_pos k_pos l_nonneg a b Ha Hb) as P.
    rewrite <- !(D_roles 3 M p k l) in P by (auto using m_pos; apply unit_m; auto; lia).
    rewrite (D_D3 a b (p a) (p a)), (D_D3 a b (m 3 p) third) in P by (auto; intros; apply m_third).
    replace (INR 3) with 3 in P by (simpl; ring). exact P. }
  unfold six. pose proof (G 0%nat 1%nat ltac:(lia) ltac:(lia)). pose proof (G 0%nat 2%nat ltac:(lia) ltac:(lia)).
  pose proof (G 1%nat 0%nat ltac:(lia) ltac:(lia)). pose proof (G 1%nat 2%nat ltac:(lia) ltac:(lia)).
  pose proof (G 2%nat 0%nat ltac:(lia) ltac:(lia)). pose proof (G 2%nat 1%nat ltac:(lia) ltac:(lia)). lra.
Qed.
End ThreeDatasets.

(* one half is sharp: three datasets of one leaf each *)
Theorem elasticity_finite_size_sharp k l : 0 < k -> 0 <= l -> let p s j := if Nat.eqb s j then 1 else 0 in
  six (fun a b => D3 3 p k l a b (third p)) / 6 = (2 * l - 1) / ((k + 1 + l) * (k + 3 * l)) /\
  (1/2 < l -> 0 < six (fun a b => D3 3 p k l a b (third p)) / 6).
Proof.
  intros K L p.
  assert (V : forall a b, (a < 3)%nat -> (b < 3)%nat -> a <> b -> D3 3 p k l a b (third p) = (2 * l - 1) / ((k + 1 + l) * (k + 3 * l))).
  { intros a b Ha Hb Hab. apply (elasticity_disjoint 3 p k l); auto.
    - intros s j _ _. unfold p. destruct (Nat.eqb s j); lra.
    - intros [|[|[|s]]] Hs; try lia; unfold p; cbn; lra.
    - intros [|[|[|j]]] Hj; try lia; unfold p; cbn; lra.
    - intros s j _ _ Hs. unfold p. destruct (Nat.eqb_spec s j), (Nat.eqb_spec b j); try congruence; ring. }
  assert (E : six (fun a b => D3 3 p k l a b (third p)) / 6 = (2 * l - 1) / ((k + 1 + l) * (k + 3 * l))) by (unfold six; rewrite !V by lia; field;
    lra).
  split; auto. intros H. rewrite E. apply Rdiv_lt_0_compat; [lra|]. apply Rmult_lt_0_compat; lra.
Qed.

(* --- counterexamples, exact --- *)
(* fixed roles: with p_2 = p_3 alignment can gain: k = 3, l = 0 gives -1/12 *)
Theorem elasticity_paper_fixed_roles : let p1 j := match j with 0%nat => 0 | _ => 1 end in let p2 j := match j with 0%nat => 1 | _ => 0 end in
  Derive (gamma 2 3 (fun j => (p1 j + p2 j + p2 j) / 3) p2 p2 p2) 0 = - (1/12).
Proof.
  intros p1 p2. rewrite D_rate; [unfold slope, overlap, Q, p1, p2; cbn; field| |unfold p2; cbn; ring].
  apply leaves_at; try lra. intros [|[|j]] Hj; try lia; unfold p1, p2; lra.
Qed.
(* alignment's losses need not slow down: three leaves, each shared by two of the three datasets, k = 12, l = 0 *)
Theorem elasticity_alignment_concave : let p s j := if Nat.eqb s j then 0 else 1/2 in
  0 < six (fun a b => Derive_n (gamma 3 12 (third p) (p a) (p b) (p a)) 2 0).
Proof.
  intros p. assert (V : forall a b, (a < 3)%nat -> (b < 3)%nat ->
    Derive_n (gamma 3 12 (third p) (p a) (p b) (p a)) 2 0 = bend 3 (fun j => 12 * third p j + p a j) (p b) (12 + 1) (p a) 0).
  { intros a b Ha Hb. apply (Derive2_code 3 (fun j => 12 * third p j + p a j) (p b) (12 + 1) (p a) 0).
    - apply leaves_at; try lra. intros j Hj. assert (0 <= p a j) by (unfold p; destruct (Nat.eqb a j); lra).
      assert (third p j = 1/3) as -> by (destruct j as [|[|[|j]]]; try lia; unfold third, p; cbn; field). lra.
    - destruct a as [|[|[|a]]]; try lia; unfold p; cbn; lra. }
  unfold six. rewrite !V by lia. unfold bend, Q, third, p. cbn. lra.
Qed.
